/* Bidirectional GRU layers over the packed layout: products, steps and gradients.

   The equations and names are those of reference/gru.py. Every lane has two directions, numbered 2 * lane (forward) and
   2 * lane + 1 (backward). The backward direction reads and writes position `mirror[p]` where the forward direction has
   p, so that no sequence is copied in reverse. A panel of the recurrent weights holds the three gates of WIDTH units, so
   that a block of sums becomes states without being moved. */

#include "vector.h"

BLOCK_OF(product, 0.0f, MULTIPLY_ADD)
enum { STRIP = 1024 }; /* positions whose gradients are transposed at a time, few enough for the first cache */

typedef struct {
    int64_t directions, positions, size, steps;  /* directions: 2 * lanes */
    int64_t lanes, inputs, first_rows;           /* first_rows: rows of the first step */
    int64_t panel_floats;                        /* what `gru_panel_floats` returns */
    const int64_t *offsets, *rows;               /* [steps] */
    const int64_t *mirror;                       /* [lanes, positions] */
    const float *x;                              /* [lanes, positions, inputs] */
    const float *input_weight, *input_bias;      /* [lanes, 2, 3 size, inputs], [lanes, 2, 3 size]: W, b */
    const float *hidden_weight, *hidden_bias;    /* [directions, 3 size, size], [directions, 3 size]: R, c */
    float *gates;                                /* [lanes, positions, 2, 3 size]: W x + b, then r, z, n */
    float *candidate;                            /* [directions, positions, size]: R_n h + c_n; null: not kept */
    float *before;                               /* [directions, positions, size]: each position's first state */
    float *states;                               /* [lanes, positions, 2, size] */
    const float *d_states;                       /* as states */
    float *d_state;                              /* [directions, first_rows, size] */
    float *d_gates;                              /* as gates: gradients of W x + b */
    float *d_from_state;                         /* [directions, positions, 3 size]: gradients of R h + c */
    float *d_x;                                  /* as x; null: not wanted */
    float *d_input_weight, *d_input_bias;        /* as what they are gradients of */
    float *d_hidden_weight, *d_hidden_bias;
    float *panels;                               /* [panel_floats] */
} GRULayer;

/* The number of floats that the panels of one lane take at a time. */
int64_t gru_panel_floats(int64_t positions, int64_t inputs, int64_t size)
{
    int64_t forward = panel_size(inputs, 6 * size), states = 2 * panel_size(3 * size, size);
    int64_t d_x = panel_size(6 * size, inputs), d_weights = panel_size(positions, inputs > size ? inputs : size);
    int64_t most = forward > states ? forward : states;
    most = most > d_x ? most : d_x;
    return most > d_weights ? most : d_weights;
}

/* out[rows, columns] = bias + x[rows, depth] @ the matrix in the panels. */
static void multiply(int64_t rows, int64_t depth, int64_t columns, const float *x, const float *panels,
                     const float *bias, float *out)
{
#pragma omp parallel for schedule(static)
    for (int64_t column = 0; column < columns; column += VECTORS * WIDTH)
        for (int64_t row = 0; row < rows; row += ROWS) {
            int64_t count = rows - row < ROWS ? rows - row : ROWS, vectors = panel_width(columns, column);
            Block sums;
            product(count, vectors, depth, x + row * depth, depth, 1, (const vec *)(panels + column * depth), sums);
            for (int64_t i = 0; i < count; i++)
                for (int64_t v = 0; v < vectors; v++) {
                    int64_t j = column + v * WIDTH, n = columns - j;
                    store(out + (row + i) * columns + j, bias ? sums[i][v] + load(bias + j, n) : sums[i][v], n);
                }
        }
}

/* out[rows, columns] = a[depth, rows] transposed @ the matrix in the panels; sums[rows] = sums of a's columns. */
static void multiply_transposed(int64_t rows, int64_t depth, int64_t columns, const float *a, const float *panels,
                                float *out, float *sums)
{
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; row += ROWS) {
        int64_t count = rows - row < ROWS ? rows - row : ROWS;
        float strip[STRIP][ROWS];
        for (int64_t i = 0; i < count; i++)
            sums[row + i] = 0;
        for (int64_t k = 0; k < depth; k += STRIP) {
            int64_t some = depth - k < STRIP ? depth - k : STRIP;
            for (int64_t j = 0; j < some; j++)
                for (int64_t i = 0; i < count; i++) {
                    strip[j][i] = a[(k + j) * rows + row + i];
                    sums[row + i] += strip[j][i];
                }
            for (int64_t column = 0; column < columns; column += VECTORS * WIDTH) {
                int64_t vectors = panel_width(columns, column);
                const vec *panel = (const vec *)(panels + column * depth) + k * vectors;
                Block found;
                product(count, vectors, some, strip[0], 1, ROWS, panel, found);
                for (int64_t i = 0; i < count; i++)
                    for (int64_t v = 0; v < vectors; v++) {
                        int64_t j = column + v * WIDTH, n = columns - j;
                        float *to = out + (row + i) * columns + j;
                        store(to, k ? load(to, n) + found[i][v] : found[i][v], n);
                    }
            }
        }
    }
}

/* The place in `gates` and `states` of a direction's position. */
INLINE int64_t place(const GRULayer *l, int64_t direction, int64_t position)
{
    int64_t first = direction / 2 * l->positions;
    return 2 * (first + (direction % 2 ? l->mirror[first + position] : position)) + direction % 2;
}

/* The gates of a row in one panel of units, from its part `h` of R h. The row's next position is `to_next` further on;
   0 where the row ends. */
INLINE void gates_forward(const GRULayer *l, int64_t direction, int64_t position, int64_t to_next, int64_t unit,
                          const vec *h)
{
    int64_t size = l->size, count = size - unit;
    int64_t there = place(l, direction, position), here = direction * l->positions + position;
    const float *c = l->hidden_bias + direction * 3 * size + unit;
    float *x = l->gates + there * 3 * size + unit;
    vec candidate = h[2] + load(c + 2 * size, count);
    vec r = load(x, count) + h[0] + load(c, count);
    vec z = load(x + size, count) + h[1] + load(c + size, count);
    vsigmoids(&r, &z);
    vec n = vtanh(load(x + 2 * size, count) + r * candidate);
    vec state = n + z * (load(l->before + here * size + unit, count) - n);
    store(l->states + there * size + unit, state, count);
    if (to_next)
        store(l->before + (here + to_next) * size + unit, state, count);
    if (l->candidate) {
        store(x, r, count), store(x + size, z, count), store(x + 2 * size, n, count);
        store(l->candidate + here * size + unit, candidate, count);
    }
}

static void forward(const GRULayer *l, int64_t direction)
{
    int64_t size = l->size, units = (size + WIDTH - 1) / WIDTH;
    vec *panels = (vec *)(l->panels + direction % 2 * panel_size(3 * size, size)); /* [units][k][gate] */
    const float *weight = l->hidden_weight + direction * 3 * size * size;
    for (int64_t p = 0; p < units; p++)
        for (int64_t gate = 0; gate < 3; gate++)
            for (int i = 0; i < WIDTH; i++)
                for (int64_t k = 0; k < size; k++)
                    panels[(p * size + k) * 3 + gate][i] =
                        p * WIDTH + i < size ? weight[(gate * size + p * WIDTH + i) * size + k] : 0.0f;
    for (int64_t t = 0; t < l->steps; t++) {
        int64_t start = l->offsets[t], rows = l->rows[t], next = t + 1 < l->steps ? l->rows[t + 1] : 0;
        const float *h = l->before + (direction * l->positions + start) * size;
        for (int64_t p = 0; p < units; p++)
            for (int64_t row = 0; row < rows; row += ROWS) {
                int64_t count = rows - row < ROWS ? rows - row : ROWS;
                Block from_state = {0};
                if (t > 0)
                    product(count, 3, size, h + row * size, size, 1, panels + p * size * 3, from_state);
                for (int64_t i = 0; i < count; i++)
                    gates_forward(l, direction, start + row + i, row + i < next ? rows : 0, p * WIDTH, from_state[i]);
            }
    }
}

/* The gradients of a row's gates. Leaves in `d_state` the gradient to which the recurrent product must be added. */
INLINE void gates_backward(const GRULayer *l, int64_t direction, int64_t position, float *d_state)
{
    int64_t size = l->size, there = place(l, direction, position), here = direction * l->positions + position;
    const float *before = l->before + here * size, *candidate = l->candidate + here * size;
    const float *x = l->gates + there * 3 * size;
    float *d_x = l->d_gates + there * 3 * size, *d_h = l->d_from_state + here * 3 * size;
    for (int64_t unit = 0; unit < size; unit += WIDTH) {
        int64_t count = size - unit;
        vec r = load(x + unit, count), z = load(x + size + unit, count), n = load(x + 2 * size + unit, count);
        vec grad = load(d_state + unit, count) + load(l->d_states + there * size + unit, count);
        vec d_n = grad * (1.0f - z) * (1.0f - n * n);
        vec d_z = grad * (load(before + unit, count) - n) * z * (1.0f - z);
        vec d_r = d_n * load(candidate + unit, count) * r * (1.0f - r);
        store(d_x + unit, d_r, count), store(d_x + size + unit, d_z, count), store(d_x + 2 * size + unit, d_n, count);
        store(d_h + unit, d_r, count), store(d_h + size + unit, d_z, count);
        store(d_h + 2 * size + unit, d_n * r, count);
        store(d_state + unit, grad * z, count);
    }
}

static void backward(const GRULayer *l, int64_t direction)
{
    int64_t size = l->size, wide = VECTORS * WIDTH, depth = 3 * size;
    float *panels = l->panels + direction % 2 * panel_size(depth, size);
    const float *weight = l->hidden_weight + direction * 3 * size * size;
    make_panels(depth, size, weight, panels);
    for (int64_t t = l->steps - 1; t >= 0; t--) {
        int64_t start = l->offsets[t], rows = l->rows[t];
        float *d_state = l->d_state + direction * l->first_rows * size;
        for (int64_t row = 0; row < rows; row++)
            gates_backward(l, direction, start + row, d_state + row * size);
        if (t == 0)
            break;
        const float *d_h = l->d_from_state + (direction * l->positions + start) * depth;
        for (int64_t unit = 0; unit < size; unit += wide) {
            int64_t vectors = panel_width(size, unit);
            for (int64_t row = 0; row < rows; row += ROWS) {
                int64_t count = rows - row < ROWS ? rows - row : ROWS;
                Block sums;
                product(count, vectors, depth, d_h + row * depth, depth, 1, (vec *)(panels + unit * depth), sums);
                for (int64_t i = 0; i < count; i++)
                    for (int64_t v = 0; v < vectors; v++) {
                        int64_t first = unit + v * WIDTH;
                        float *d = d_state + (row + i) * size + first;
                        store(d, load(d, size - first) + sums[i][v], size - first);
                    }
            }
        }
    }
}

void gru_forward(const GRULayer *l)
{
    int64_t wide = 6 * l->size;
    for (int64_t lane = 0; lane < l->lanes; lane++) {
        const float *x = l->x + lane * l->positions * l->inputs;
        make_panels_transposed(l->inputs, wide, l->input_weight + lane * wide * l->inputs, l->panels);
        multiply(l->positions, l->inputs, wide, x, l->panels, l->input_bias + lane * wide,
                 l->gates + lane * l->positions * wide);
#pragma omp parallel for schedule(static)
        for (int64_t direction = 2 * lane; direction < 2 * lane + 2; direction++)
            forward(l, direction);
    }
}

void gru_backward(const GRULayer *l)
{
    int64_t size = l->size, wide = 6 * size, positions = l->positions, inputs = l->inputs;
    for (int64_t lane = 0; lane < l->lanes; lane++) {
        const float *d_gates = l->d_gates + lane * positions * wide, *weight = l->input_weight + lane * wide * inputs;
#pragma omp parallel for schedule(static)
        for (int64_t direction = 2 * lane; direction < 2 * lane + 2; direction++)
            backward(l, direction);
        for (int64_t direction = 2 * lane; direction < 2 * lane + 2; direction++) {
            make_panels(positions, size, l->before + direction * positions * size, l->panels);
            multiply_transposed(3 * size, positions, size, l->d_from_state + direction * positions * 3 * size,
                                l->panels, l->d_hidden_weight + direction * 3 * size * size,
                                l->d_hidden_bias + direction * 3 * size);
        }
        make_panels(positions, inputs, l->x + lane * positions * inputs, l->panels);
        multiply_transposed(wide, positions, inputs, d_gates, l->panels, l->d_input_weight + lane * wide * inputs,
                            l->d_input_bias + lane * wide);
        if (l->d_x) {
            make_panels(wide, inputs, weight, l->panels);
            multiply(positions, wide, inputs, d_gates, l->panels, 0, l->d_x + lane * positions * inputs);
        }
    }
}
