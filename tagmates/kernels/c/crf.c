/* The steps of a linear-chain CRF over the packed layout: forward, forward-backward, Viterbi.

   Sentences are independent, so a block of ROWS of them runs through all its steps at once. Equations, names and
   scaling are those of reference/crf.py. */

#include "vector.h"

BLOCK_OF(product, 0.0f, MULTIPLY_ADD)
BLOCK_OF(best_sum, -INFINITY, ADD_COMPARE)

typedef struct {
    int64_t decoders, positions, rows, tags, steps;
    int64_t panel_floats;     /* what `crf_panel_floats` returns */
    const int64_t *offsets;   /* [steps] */
    const int64_t *lengths;   /* [decoders, rows], from long to short */
    const float *emissions;   /* [decoders, positions, tags] */
    const float *start, *end; /* [decoders, tags] */
    const float *weights;     /* [decoders, tags, tags]: exp(transitions - row_max); the same transposed (backward);
                                 the transitions (Viterbi) */
    const float *row_max;     /* [decoders, tags] */
    const float *into;        /* [decoders, tags, tags]: the transitions, by the tag they lead to (Viterbi) */
    float *alpha;             /* [decoders, rows, tags]: log of a row's forward weights less `scale` */
    double *scale;            /* [decoders, rows] */
    float *source;            /* [decoders, positions, tags]: p, or Viterbi's best scores */
    float *sums;              /* [decoders, positions, tags]: q */
    const float *ending;      /* [decoders, rows, tags]: marginals of a row's last position */
    float *marginals;         /* [decoders, positions, tags] */
    float *ratio;             /* [decoders, positions, tags]: m / q of the next position */
    int64_t *best;            /* [decoders, positions]: Viterbi's tags */
    int64_t *underflows;      /* [decoders, rows]: whether a sum of a row's block underflowed */
    float *panels;            /* [panel_floats] */
    double smallest;          /* a smaller sum q underflows */
} Chain;

/* The number of floats that the weights of these decoders take in panels. */
int64_t crf_panel_floats(int64_t decoders, int64_t tags) { return decoders * panel_size(tags, tags); }

/* The number of the block's rows that are longer than t. */
INLINE int64_t alive(const Chain *c, int64_t decoder, int64_t row, int64_t t)
{
    const int64_t *length = c->lengths + decoder * c->rows + row;
    int64_t count = 0;
    while (count < ROWS && row + count < c->rows && length[count] > t)
        count++;
    return count;
}

/* Subtract the largest of a row's `values` from all of them, and return it. */
INLINE float normalise(float *values, int64_t tags)
{
    vec peak = broadcast(-INFINITY);
    for (int64_t j = 0; j < tags; j += WIDTH)
        peak = vmax(peak, mask_tail(load(values + j, tags - j), tags - j, -INFINITY));
    float top = largest_of(peak);
    for (int64_t j = 0; j < tags; j += WIDTH)
        store(values + j, load(values + j, tags - j) - top, tags - j);
    return top;
}

/* p = exp(alpha + row_max - shift); returns the shift. */
INLINE float weigh(const float *alpha, const float *row_max, int64_t tags, float *p)
{
    vec peak = broadcast(-INFINITY);
    for (int64_t j = 0; j < tags; j += WIDTH)
        peak = vmax(peak, mask_tail(load(alpha + j, tags - j) + load(row_max + j, tags - j), tags - j, -INFINITY));
    float shift = largest_of(peak);
    for (int64_t j = 0; j < tags; j += WIDTH)
        store(p + j, vexp(load(alpha + j, tags - j) + load(row_max + j, tags - j) - shift), tags - j);
    return shift;
}

static void forward(const Chain *c, int64_t decoder, int64_t row, const float *panels)
{
    int64_t tags = c->tags, base = decoder * c->positions, count;
    const float *row_max = c->row_max + decoder * tags;
    float *alpha = c->alpha + (decoder * c->rows + row) * tags;
    double *scale = c->scale + decoder * c->rows + row;
    bits no_underflow = (bits){0} - 1;
    for (int64_t t = 0; t < c->steps && (count = alive(c, decoder, row, t)) > 0; t++) {
        int64_t here = base + c->offsets[t] + row, before = t > 0 ? base + c->offsets[t - 1] + row : 0;
        if (t > 0)
            for (int64_t i = 0; i < count; i++)
                scale[i] += weigh(alpha + i * tags, row_max, tags, c->source + (before + i) * tags);
        for (int64_t tag = 0; tag < tags; tag += VECTORS * WIDTH) {
            int64_t vectors = panel_width(tags, tag);
            Block q;
            if (t > 0)
                product(count, vectors, tags, c->source + before * tags, tags, 1, (const vec *)(panels + tag * tags), q);
            for (int64_t i = 0; i < count; i++)
                for (int64_t v = 0; v < vectors; v++) {
                    int64_t j = tag + v * WIDTH, n = tags - j;
                    vec raw;
                    if (t > 0) {
                        no_underflow &= mask_tail(q[i][v], n, 1.0f) >= (float)c->smallest;
                        store(c->sums + (here + i) * tags + j, q[i][v], n);
                        raw = vlog(q[i][v]);
                    } else
                        raw = load(c->start + decoder * tags + j, n);
                    store(alpha + i * tags + j, raw + load(c->emissions + (here + i) * tags + j, n), n);
                }
        }
        for (int64_t i = 0; i < count; i++)
            scale[i] += normalise(alpha + i * tags, tags);
    }
    int64_t under = 0;
    for (int i = 0; i < WIDTH; i++)
        under |= !no_underflow[i];
    c->underflows[decoder * c->rows + row] = under;
}

static void backward(const Chain *c, int64_t decoder, int64_t row, const float *panels)
{
    int64_t tags = c->tags, base = decoder * c->positions;
    const int64_t *length = c->lengths + decoder * c->rows + row;
    for (int64_t t = length[0] - 1; t >= 0; t--) {
        int64_t count = alive(c, decoder, row, t), here = base + c->offsets[t] + row;
        for (int64_t i = 0; i < count; i++)
            if (length[i] == t + 1)
                memcpy(c->marginals + (here + i) * tags, c->ending + (decoder * c->rows + row + i) * tags,
                       tags * sizeof(float));
        if (t == 0)
            break;
        int64_t before = base + c->offsets[t - 1] + row;
        for (int64_t i = 0; i < count; i++)
            for (int64_t j = 0; j < tags; j += WIDTH) {
                vec q = vmax(load(c->sums + (here + i) * tags + j, tags - j), broadcast((float)c->smallest));
                store(c->ratio + (before + i) * tags + j, load(c->marginals + (here + i) * tags + j, tags - j) / q,
                      tags - j);
            }
        for (int64_t tag = 0; tag < tags; tag += VECTORS * WIDTH) {
            int64_t vectors = panel_width(tags, tag);
            Block back;
            product(count, vectors, tags, c->ratio + before * tags, tags, 1, (const vec *)(panels + tag * tags), back);
            for (int64_t i = 0; i < count; i++)
                for (int64_t v = 0; v < vectors; v++) {
                    int64_t j = tag + v * WIDTH, at = (before + i) * tags + j;
                    store(c->marginals + at, load(c->source + at, tags - j) * back[i][v], tags - j);
                }
        }
    }
}

/* The first of the largest entries of a + b. */
INLINE int64_t argmax(const float *a, const float *b, int64_t tags)
{
    int64_t best = 0;
    for (int64_t j = 1; j < tags; j++)
        if (a[j] + b[j] > a[best] + b[best])
            best = j;
    return best;
}

static void viterbi(const Chain *c, int64_t decoder, int64_t row, const float *panels)
{
    int64_t tags = c->tags, base = decoder * c->positions, count;
    const int64_t *length = c->lengths + decoder * c->rows + row;
    for (int64_t t = 0; t < c->steps && (count = alive(c, decoder, row, t)) > 0; t++) {
        int64_t here = base + c->offsets[t] + row, before = t > 0 ? base + c->offsets[t - 1] + row : 0;
        for (int64_t tag = 0; tag < tags; tag += VECTORS * WIDTH) {
            int64_t vectors = panel_width(tags, tag);
            Block peak;
            if (t > 0)
                best_sum(count, vectors, tags, c->source + before * tags, tags, 1, (const vec *)(panels + tag * tags),
                         peak);
            for (int64_t i = 0; i < count; i++)
                for (int64_t v = 0; v < vectors; v++) {
                    int64_t j = tag + v * WIDTH, n = tags - j;
                    vec raw = t > 0 ? peak[i][v] : load(c->start + decoder * tags + j, n);
                    store(c->source + (here + i) * tags + j, raw + load(c->emissions + (here + i) * tags + j, n), n);
                }
        }
        for (int64_t i = 0; i < count; i++)
            normalise(c->source + (here + i) * tags, tags); /* only differences matter; sums would lose digits */
    }
    /* walk back: only the tags on the best path need their best predecessor */
    for (int64_t i = 0; i < ROWS && row + i < c->rows; i++) {
        const float *next = c->end + decoder * tags;
        for (int64_t t = length[i] - 1; t >= 0; t--) {
            int64_t here = base + c->offsets[t] + row + i;
            c->best[here] = argmax(c->source + here * tags, next, tags);
            next = c->into + (decoder * tags + c->best[here]) * tags;
        }
    }
}

typedef void Work(const Chain *, int64_t decoder, int64_t row, const float *panels);

INLINE void each_block(const Chain *c, Work work)
{
    int64_t blocks = (c->rows + ROWS - 1) / ROWS, size = panel_size(c->tags, c->tags);
#pragma omp parallel
    {
#pragma omp for schedule(static)
        for (int64_t decoder = 0; decoder < c->decoders; decoder++)
            make_panels(c->tags, c->tags, c->weights + decoder * c->tags * c->tags, c->panels + decoder * size);
#pragma omp for schedule(dynamic)
        for (int64_t item = 0; item < c->decoders * blocks; item++)
            work(c, item / blocks, item % blocks * ROWS, c->panels + item / blocks * size);
    }
}

void crf_forward(const Chain *c) { each_block(c, forward); }
void crf_backward(const Chain *c) { each_block(c, backward); }
void crf_viterbi(const Chain *c) { each_block(c, viterbi); }

typedef struct {
    int64_t decoders, positions, rows, tags, steps;
    const int64_t *offsets, *lengths;                      /* as in Chain */
    const float *emissions, *transitions, *start, *end;    /* as in Chain; the transitions as they are */
    const int64_t *gold;                                   /* [decoders, positions] */
    double *score;                                         /* [decoders, rows], or the gradients of the scores */
    float *d_emissions, *d_transitions, *d_start, *d_end;
} GoldTags;

/* The row's tag at a step. */
INLINE int64_t gold_at(const GoldTags *g, int64_t decoder, int64_t row, int64_t t)
{
    return g->gold[decoder * g->positions + g->offsets[t] + row];
}

/* Scores of given tags; returns the number of sentences with a tag that is not one of the decoder's. */
int64_t crf_score(const GoldTags *g)
{
    int64_t tags = g->tags, unknown = 0;
    for (int64_t decoder = 0; decoder < g->decoders; decoder++)
        for (int64_t row = 0; row < g->rows; row++) {
            int64_t length = g->lengths[decoder * g->rows + row], before = 0;
            double score = 0;
            for (int64_t t = 0; t < length; t++) {
                int64_t tag = gold_at(g, decoder, row, t), here = decoder * g->positions + g->offsets[t] + row;
                if (tag < 0 || tag >= tags) {
                    unknown++;
                    break;
                }
                score += g->emissions[here * tags + tag];
                score += t > 0 ? g->transitions[(decoder * tags + before) * tags + tag] : g->start[decoder * tags + tag];
                score += t == length - 1 ? g->end[decoder * tags + tag] : 0.0f;
                before = tag;
            }
            g->score[decoder * g->rows + row] = score;
        }
    return unknown;
}

/* Adds the gradients of the scores to the zeros in d_emissions, d_transitions, d_start and d_end. */
void crf_score_backward(const GoldTags *g)
{
    int64_t tags = g->tags;
    for (int64_t decoder = 0; decoder < g->decoders; decoder++)
        for (int64_t row = 0; row < g->rows; row++) {
            int64_t length = g->lengths[decoder * g->rows + row], before = 0;
            float grad = (float)g->score[decoder * g->rows + row];
            for (int64_t t = 0; t < length; t++) {
                int64_t tag = gold_at(g, decoder, row, t), here = decoder * g->positions + g->offsets[t] + row;
                g->d_emissions[here * tags + tag] = grad;
                *(t > 0 ? g->d_transitions + (decoder * tags + before) * tags + tag : g->d_start + decoder * tags + tag)
                    += grad;
                if (t == length - 1)
                    g->d_end[decoder * tags + tag] += grad;
                before = tag;
            }
        }
}
