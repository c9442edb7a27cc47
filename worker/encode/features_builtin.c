#include "worker/encode/features_builtin.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define SIDE KIN_BUILTIN_SIDE
#define CELLS KIN_BUILTIN_CELLS
#define ORIENTATIONS KIN_BUILTIN_ORIENTATIONS
#define CELL_PIXELS (SIDE / CELLS)

/* A value of a normalised histogram above this is cut: one strong edge does not hide the others
 * (Lowe, IJCV 2004; Felzenszwalb et al.). */
#define CLIP 0.2f
/* Added to a block's energy: an empty block stays zero, a faint one is not blown up. In squared
 * grey levels, summed over the 16 x 16 pixels of a block. */
#define ENERGY_FLOOR 1000.0f
#define SHAPE_WEIGHT 1.0f
#define COLOUR_WEIGHT 0.8f

typedef struct gradient {
    int x, y;
    float magnitude;
} gradient;

/* The gradient of the channel that changes most (Dalal and Triggs); at the border, of the pixels
 * that there are. */
static gradient gradient_at(const uint8_t *pixels, int x, int y)
{
    const uint8_t *left = pixels + 3 * (y * SIDE + (x > 0 ? x - 1 : x));
    const uint8_t *right = pixels + 3 * (y * SIDE + (x < SIDE - 1 ? x + 1 : x));
    const uint8_t *above = pixels + 3 * ((y > 0 ? y - 1 : y) * SIDE + x);
    const uint8_t *below = pixels + 3 * ((y < SIDE - 1 ? y + 1 : y) * SIDE + x);
    int best = 0;
    gradient result = {0};
    for (int channel = 0; channel < 3; channel++) {
        int dx = right[channel] - left[channel], dy = below[channel] - above[channel];
        int squared = dx * dx + dy * dy;
        if (squared > best) {
            best = squared;
            result.x = dx;
            result.y = dy;
        }
    }
    result.magnitude = sqrtf((float)best);
    return result;
}

/* The orientation whose axis the gradient is nearest to; of two, the first. */
static int orientation_of(const gradient *g)
{
    /* round(16384 cos), round(16384 sin) of 0, 20, ... 160 degrees: integers have no last bit to
     * differ in. */
    static const int axis[ORIENTATIONS][2] = {{16384, 0},     {15396, 5604},   {12551, 10531},
                                              {8192, 14189},  {2845, 16135},   {-2845, 16135},
                                              {-8192, 14189}, {-12551, 10531}, {-15396, 5604}};
    int best = 0, best_length = -1;
    for (int i = 0; i < ORIENTATIONS; i++) {
        int length = axis[i][0] * g->x + axis[i][1] * g->y;
        if (length < 0) length = -length;
        if (length > best_length) {
            best_length = length;
            best = i;
        }
    }
    return best;
}

/* Every pixel adds its gradient's magnitude to the four cells whose centres are around it,
 * bilinearly. */
static void collect_gradients(kin_builtin_scratch *scratch, const uint8_t *pixels)
{
    memset(scratch->histogram, 0, sizeof scratch->histogram);
    for (int y = 0; y < SIDE; y++) {
        /* In half pixels; cell c of the frame has its centre at pixel 8 c - 4. */
        int row = (y + CELL_PIXELS / 2) / CELL_PIXELS;
        float below = (float)(2 * ((y + CELL_PIXELS / 2) % CELL_PIXELS) + 1) / (2 * CELL_PIXELS);
        for (int x = 0; x < SIDE; x++) {
            gradient g = gradient_at(pixels, x, y);
            if (g.magnitude == 0) continue;
            int column = (x + CELL_PIXELS / 2) / CELL_PIXELS, bin = orientation_of(&g);
            float right =
                (float)(2 * ((x + CELL_PIXELS / 2) % CELL_PIXELS) + 1) / (2 * CELL_PIXELS);
            float lower = g.magnitude * below, upper = g.magnitude - lower;
            float lower_right = lower * right, upper_right = upper * right;
            scratch->histogram[row][column][bin] += upper - upper_right;
            scratch->histogram[row][column + 1][bin] += upper_right;
            scratch->histogram[row + 1][column][bin] += lower - lower_right;
            scratch->histogram[row + 1][column + 1][bin] += lower_right;
        }
    }
}

static void measure_energies(kin_builtin_scratch *scratch)
{
    for (int row = 0; row < CELLS; row++)
        for (int column = 0; column < CELLS; column++) {
            const float *bins = scratch->histogram[row + 1][column + 1];
            float energy = 0;
            for (int i = 0; i < ORIENTATIONS; i++)
                energy += bins[i] * bins[i];
            scratch->energy[row][column] = energy;
        }
}

static int clamp_cell(int cell)
{
    return cell < 0 ? 0 : cell >= CELLS ? CELLS - 1 : cell;
}

/* The energy of the block of 2 x 2 cells whose upper left one is given; cells outside are those at
 * the border. */
static float block_energy(const kin_builtin_scratch *scratch, int row, int column)
{
    int top = clamp_cell(row), bottom = clamp_cell(row + 1);
    int left = clamp_cell(column), right = clamp_cell(column + 1);
    return scratch->energy[top][left] + scratch->energy[top][right] +
           scratch->energy[bottom][left] + scratch->energy[bottom][right];
}

/* A cell: its histogram as seen by each of the four blocks it is in, averaged over them; then the
 * sum over orientations by block (texture). */
static float *describe_cell(const kin_builtin_scratch *scratch, int row, int column, float *out)
{
    const float *bins = scratch->histogram[row + 1][column + 1];
    float *texture = out + ORIENTATIONS;
    for (int i = 0; i < ORIENTATIONS; i++)
        out[i] = 0;
    for (int block = 0; block < KIN_BUILTIN_BLOCKS; block++) {
        float energy = block_energy(scratch, row - 1 + block / 2, column - 1 + block % 2);
        float norm = sqrtf(energy + ENERGY_FLOOR), sum = 0;
        for (int i = 0; i < ORIENTATIONS; i++) {
            float value = bins[i] / norm;
            if (value > CLIP) value = CLIP;
            out[i] += value * 0.25f;
            sum += value;
        }
        texture[block] = sum / ORIENTATIONS;
    }
    return texture + KIN_BUILTIN_BLOCKS;
}

/* Scales a part of the vector to a length; zero stays zero. */
static void scale_to(float *part, int count, float length)
{
    float energy = 0;
    for (int i = 0; i < count; i++)
        energy += part[i] * part[i];
    if (energy == 0) return;
    float factor = length / sqrtf(energy);
    for (int i = 0; i < count; i++)
        part[i] *= factor;
}

/* The mean colour of a cell, as luma and two differences of colour (Rec. 601), from -1 to 1 about
 * mid-grey. */
static float *describe_colour(const uint8_t *pixels, int row, int column, float *out)
{
    int sum[3] = {0};
    for (int y = row * CELL_PIXELS; y < (row + 1) * CELL_PIXELS; y++)
        for (int i = 0; i < 3 * CELL_PIXELS; i++)
            sum[i % 3] += pixels[3 * (y * SIDE + column * CELL_PIXELS) + i];
    const float full = 255.0f * CELL_PIXELS * CELL_PIXELS;
    /* Per mille: exact in integers. */
    int luma = 299 * sum[0] + 587 * sum[1] + 114 * sum[2];
    out[0] = (float)(2 * luma) / (1000 * full) - 1;
    out[1] = (float)(1000 * sum[2] - luma) / (886 * full);
    out[2] = (float)(1000 * sum[0] - luma) / (701 * full);
    return out + 3;
}

void kin_builtin_run(kin_builtin_scratch *scratch, const uint8_t *pixels, float *vector)
{
    collect_gradients(scratch, pixels);
    measure_energies(scratch);
    float *out = vector;
    for (int row = 0; row < CELLS; row++)
        for (int column = 0; column < CELLS; column++)
            out = describe_cell(scratch, row, column, out);
    scale_to(vector, KIN_BUILTIN_SHAPE_DIMENSIONS, SHAPE_WEIGHT);
    float *colours = out;
    for (int row = 0; row < CELLS; row++)
        for (int column = 0; column < CELLS; column++)
            out = describe_colour(pixels, row, column, out);
    scale_to(colours, KIN_BUILTIN_COLOUR_DIMENSIONS, COLOUR_WEIGHT);
}
