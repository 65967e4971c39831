/* Vectors of floats, their exp and log, and small matrix products with the weights laid out in panels.

   Everything is written in GCC's vector types, which Clang knows too; the compiler makes of them what the machine has.
   Counts are at least 1, and panels begin at multiples of 64 bytes, as torch's tensors do. */

#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX512F__) || defined(__AVX__)
#include <immintrin.h>
#endif

/* A block is ROWS rows by VECTORS vectors of WIDTH columns: as many sums as the machine keeps in registers. */
#if defined(__AVX512F__)
enum { WIDTH = 16, ROWS = 8, VECTORS = 3 };
#else
enum { WIDTH = 8, ROWS = 4, VECTORS = 3 };
#endif
typedef float vec __attribute__((vector_size(4 * WIDTH)));
typedef int32_t bits __attribute__((vector_size(4 * WIDTH)));
typedef float loose __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias)); /* in memory, anywhere */

#define INLINE static inline __attribute__((always_inline))

INLINE vec broadcast(float x) { return x - (vec){0}; }

/* The first `count` floats at `x`, then zeros. */
INLINE vec load(const float *x, int64_t count)
{
    if (count >= WIDTH)
        return *(const loose *)x;
#if defined(__AVX512F__)
    return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), x);
#else
    vec v = {0};
    for (int64_t i = 0; i < count; i++)
        v[i] = x[i];
    return v;
#endif
}

INLINE void store(float *x, vec v, int64_t count)
{
    if (count >= WIDTH) {
        *(loose *)x = v;
        return;
    }
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(x, (__mmask16)((1u << count) - 1), (__m512)v);
#else
    for (int64_t i = 0; i < count; i++)
        x[i] = v[i];
#endif
}

/* The larger of each pair; b where either is NaN. */
INLINE vec vmax(vec a, vec b)
{
#if defined(__AVX512F__)
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return (vec)(((bits)a & (a > b)) | ((bits)b & ~(a > b)));
#endif
}

INLINE vec where(bits condition, vec yes, vec no) { return (vec)((condition & (bits)yes) | (~condition & (bits)no)); }

/* The first `count` items of `v`, and `rest` in the others. */
INLINE vec mask_tail(vec v, int64_t count, float rest)
{
    bits item;
    for (int i = 0; i < WIDTH; i++)
        item[i] = i;
    return count >= WIDTH ? v : where(item < (int32_t)count, v, broadcast(rest));
}

INLINE float largest_of(vec v)
{
    float m = v[0];
    for (int i = 1; i < WIDTH; i++)
        m = v[i] > m ? v[i] : m;
    return m;
}

/* e to the x within 2 units in the last place, x taken as between -87 and 88; the polynomial is Cephes' expf */
INLINE vec vexp(vec x)
{
    x = vmax(broadcast(-87.0f), x); /* in this order NaN stays NaN */
    x = where(x > 88.0f, broadcast(88.0f), x);
    vec t = x * 1.44269504088896341f;
    bits n = __builtin_convertvector(t + where(t < 0.0f, broadcast(-0.5f), broadcast(0.5f)), bits);
    vec whole = __builtin_convertvector(n, vec);
    x = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    vec y = broadcast(1.9875691500e-4f);
    y = y * x + 1.3981999507e-3f;
    y = y * x + 8.3334519073e-3f;
    y = y * x + 4.1665795894e-2f;
    y = y * x + 1.6666665459e-1f;
    y = y * x + 5.0000001201e-1f;
    y = y * x * x + x + 1.0f;
    return y * (vec)((n + 127) << 23);
}

/* Natural logarithm of normal positive numbers; the polynomial is Cephes' logf */
INLINE vec vlog(vec x)
{
    bits raw = (bits)x;
    bits n = (raw >> 23) - 126;
    vec m = (vec)((raw & 0x007fffff) | 0x3f000000); /* in [0.5, 1) */
    bits small = m < 0.707106781186547524f;
    n += small; /* a true comparison is -1 */
    m = where(small, m + m, m) - 1.0f;
    vec square = m * m, y = broadcast(7.0376836292e-2f);
    y = y * m - 1.1514610310e-1f;
    y = y * m + 1.1676998740e-1f;
    y = y * m - 1.2420140846e-1f;
    y = y * m + 1.4249322787e-1f;
    y = y * m - 1.6668057665e-1f;
    y = y * m + 2.0000714765e-1f;
    y = y * m - 2.4999993993e-1f;
    y = y * m + 3.3333331174e-1f;
    vec whole = __builtin_convertvector(n, vec);
    return m + (m * square * y - 0.5f * square + whole * -2.12194440e-4f) + whole * 0.693359375f;
}

/* Sigmoids of both, by one division; below -40 they are that of -40, which is 4e-18. */
INLINE void vsigmoids(vec *a, vec *b)
{
    vec x = 1.0f + vexp(-vmax(broadcast(-40.0f), *a)), y = 1.0f + vexp(-vmax(broadcast(-40.0f), *b));
    vec inverse = 1.0f / (x * y);
    *a = inverse * y;
    *b = inverse * x;
}

/* tanh; near 0, where 1 - 2 / (e^2x + 1) would lose digits, Cephes' polynomial */
INLINE vec vtanh(vec x)
{
    vec square = x * x, far = 1.0f - 2.0f / (vexp(2.0f * x) + 1.0f);
    vec y = broadcast(-5.70498872745e-3f);
    y = y * square + 2.06390887954e-2f;
    y = y * square - 5.37397155531e-2f;
    y = y * square + 1.33314422036e-1f;
    y = y * square - 3.33332819422e-1f;
    return where(square < 0.390625f, y * square * x + x, far);
}

typedef vec Block[ROWS][VECTORS];

_Static_assert(VECTORS < 4 && ROWS <= 8, "the cases below");

/* One block: rows of `x` (`stride` apart, their items `step` apart) times the columns of a panel, `panel[k][v]` being
   weights of item k. */
#define BLOCK_OF(name, unit, combine)                                                                                  \
    INLINE void name##_exactly(int rows, int vectors, int64_t depth, const float *x, int64_t stride, int64_t step,     \
                               const vec *panel, Block out)                                                            \
    {                                                                                                                  \
        vec sum[ROWS][VECTORS];                                                                                        \
        _Pragma("GCC unroll 8") for (int r = 0; r < rows; r++)                                                         \
            _Pragma("GCC unroll 3") for (int v = 0; v < vectors; v++) sum[r][v] = broadcast(unit);                           \
        for (int64_t k = 0; k < depth; k++) {                                                                          \
            _Pragma("GCC unroll 8") for (int r = 0; r < rows; r++)                                                     \
                _Pragma("GCC unroll 3") for (int v = 0; v < vectors; v++)                                              \
                    sum[r][v] = combine(broadcast(x[r * stride + k * step]), panel[k * vectors + v], sum[r][v]);             \
        }                                                                                                              \
        _Pragma("GCC unroll 8") for (int r = 0; r < rows; r++)                                                         \
            _Pragma("GCC unroll 3") for (int v = 0; v < vectors; v++) out[r][v] = sum[r][v];                           \
    }                                                                                                                  \
    static void name(int64_t rows, int64_t vectors, int64_t depth, const float *x, int64_t stride, int64_t step,       \
                     const vec *panel, Block out)                                                                      \
    {                                                                                                                  \
        switch (rows * 4 + vectors) {                                                                                  \
            ROWS_OF(name, 1) ROWS_OF(name, 2) ROWS_OF(name, 3) ROWS_OF(name, 4)                                        \
            ROWS_OF(name, 5) ROWS_OF(name, 6) ROWS_OF(name, 7) ROWS_OF(name, 8)                                        \
        }                                                                                                              \
    }
/* Cases with more rows than a block never occur, so they are compiled as one row. */
#define ROWS_OF(name, rows)                                                                                            \
    case rows * 4 + 1: name##_exactly(rows > ROWS ? 1 : rows, 1, depth, x, stride, step, panel, out); break;                 \
    case rows * 4 + 2: name##_exactly(rows > ROWS ? 1 : rows, 2, depth, x, stride, step, panel, out); break;                 \
    case rows * 4 + 3: name##_exactly(rows > ROWS ? 1 : rows, 3, depth, x, stride, step, panel, out); break;

/* Columns of a panel that begins at column `first`, in vectors. */
INLINE int64_t panel_width(int64_t columns, int64_t first)
{
    int64_t vectors = (columns - first + WIDTH - 1) / WIDTH;
    return vectors < VECTORS ? vectors : VECTORS;
}

/* The number of floats that a matrix of this size takes in panels. */
INLINE int64_t panel_size(int64_t depth, int64_t columns) { return depth * ((columns + WIDTH - 1) / WIDTH * WIDTH); }

/* A matrix [depth, columns] cut into panels; the panel from column c on begins at `panels + c * depth`. */
static inline void make_panels(int64_t depth, int64_t columns, const float *matrix, float *panels)
{
    for (int64_t first = 0; first < columns; first += VECTORS * WIDTH) {
        int64_t vectors = panel_width(columns, first);
        for (int64_t k = 0; k < depth; k++)
            for (int64_t v = 0; v < vectors; v++, panels += WIDTH)
                store(panels, load(matrix + k * columns + first + v * WIDTH, columns - first - v * WIDTH), WIDTH);
    }
}

/* The same for the transpose of a matrix [columns, depth]. */
static inline void make_panels_transposed(int64_t depth, int64_t columns, const float *matrix, float *panels)
{
    for (int64_t first = 0; first < columns; first += VECTORS * WIDTH) {
        int64_t wide = panel_width(columns, first) * WIDTH;
        for (int64_t j = 0; j < wide; j++)
            for (int64_t k = 0; k < depth; k++)
                panels[first * depth + k * wide + j] = first + j < columns ? matrix[(first + j) * depth + k] : 0.0f;
    }
}

#define MULTIPLY_ADD(a, b, sum) ((a) * (b) + (sum))
#define ADD_COMPARE(a, b, best) vmax((a) + (b), best)
