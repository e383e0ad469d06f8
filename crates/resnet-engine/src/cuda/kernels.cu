// Kernels for a training step on an NVIDIA GPU; cuBLAS computes the matrix products.
//
// Images and activations are matrices with a row for each pixel, image after image, and a column for
// each channel (NHWC). No kernel adds atomically, and the order of every sum depends on sizes alone, so
// that a step is reproducible bit by bit.
//
// The host code that compiles this file defines EPSILON, that of BN.

typedef unsigned int u32;

// Threads per block; kernels.rs launches the kernels with this number.
#define THREADS 256

// Grid-stride loop over the numbers below `count`.
#define FOR_EACH(i, count) \
    for (u32 i = blockIdx.x * THREADS + threadIdx.x; i < (count); i += gridDim.x * THREADS)

// The geometry of a convolution's input and output. A window of 3 is padded by 1, one of 1 is not.
struct Window {
    u32 size;
    u32 out_size;
    u32 kernel;
    u32 stride;
    u32 channels;
};

// Selects an image of a data set and a crop of the padded image (crates/resweep-data/src/augment.rs).
struct Pick {
    u32 index;
    u32 top;
    u32 left;
    u32 mirrored;
};

__device__ float inverse_deviation(float variance) {
    return 1 / sqrtf(variance + EPSILON);
}

__device__ float centred(float z, float mean, float variance) {
    return (z - mean) * inverse_deviation(variance);
}

// The picked views of `images` (bytes), normalised as on the CPU and to the same bits: `out`
// (count * size * size, 3), zero in the padding.
extern "C" __global__ void render(
    const unsigned char *images, const Pick *picks, u32 count, u32 size, u32 padding,
    const float *scale, const float *offset, float *out
) {
    const u32 pixels = size * size;
    FOR_EACH(i, count * pixels) {
        const Pick pick = picks[i / pixels];
        const u32 x = i % size;
        // Negative numbers wrap around to large ones.
        const u32 row = i / size % size + pick.top - padding;
        const u32 column = (pick.mirrored ? size - 1 - x : x) + pick.left - padding;
        const bool inside = row < size && column < size;
        for (u32 channel = 0; channel < 3; channel++) {
            const u32 at = 3 * (row * size + column) + channel;
            float value = 0;
            if (inside) {
                const float byte = images[(size_t)pick.index * 3 * pixels + at];
                value = __fsub_rn(__fmul_rn(byte, scale[channel]), offset[at]);
            }
            out[3 * i + channel] = value;
        }
    }
}

// Gathers the windows of `x`: `columns` (rows, channels * kernel * kernel) with a row for each pixel
// of the output, zero in the padding.
extern "C" __global__ void im2col(const float *x, Window window, u32 rows, float *columns) {
    const u32 kernel = window.kernel, area = kernel * kernel;
    const u32 entries = window.channels * area, out_pixels = window.out_size * window.out_size;
    FOR_EACH(i, rows * entries) {
        const u32 row = i / entries, entry = i % entries;
        const u32 channel = entry / area, place = entry % area;
        const u32 image = row / out_pixels, pixel = row % out_pixels;
        // Negative numbers wrap around to large ones.
        const u32 y = pixel / window.out_size * window.stride + place / kernel - kernel / 2;
        const u32 left = pixel % window.out_size * window.stride + place % kernel - kernel / 2;
        const bool inside = y < window.size && left < window.size;
        const u32 from = (image * window.size + y) * window.size + left;
        columns[i] = inside ? x[from * window.channels + channel] : 0;
    }
}

// The transpose of `im2col`: scatters `columns` to `x` (rows, channels), added to it or overwriting it.
extern "C" __global__ void col2im(const float *columns, Window window, u32 rows, u32 adds, float *x) {
    const u32 kernel = window.kernel, area = kernel * kernel;
    FOR_EACH(i, rows * window.channels) {
        const u32 row = i / window.channels, channel = i % window.channels;
        const u32 left = row % window.size, y = row / window.size % window.size;
        const u32 image = row / (window.size * window.size);
        float sum = adds ? x[i] : 0;
        for (u32 place = 0; place < area; place++) {
            // Negative numbers wrap around to large ones of the same parity.
            const u32 down = y + kernel / 2 - place / kernel;
            const u32 right = left + kernel / 2 - place % kernel;
            const u32 out_y = down / window.stride, out_x = right / window.stride;
            const bool hit = down % window.stride == 0 && right % window.stride == 0
                && out_y < window.out_size && out_x < window.out_size;
            if (hit) {
                const u32 from = (image * window.out_size + out_y) * window.out_size + out_x;
                sum += columns[(from * window.channels + channel) * area + place];
            }
        }
        x[i] = sum;
    }
}

// Sums pairs of numbers over the rows of a matrix: `partial` (blocks in x, 2, channels). The blocks in
// x share the rows, those in y the channels.
template <typename Pair>
__device__ void sum_pairs(u32 rows, u32 channels, double *partial, Pair pair) {
    __shared__ double sums[2][THREADS];
    const u32 width = min(channels, THREADS), lanes = THREADS / width;
    const u32 lane = threadIdx.x / width, channel = blockIdx.y * width + threadIdx.x % width;
    double first = 0, second = 0;
    if (lane < lanes && channel < channels) {
        for (u32 row = blockIdx.x * lanes + lane; row < rows; row += gridDim.x * lanes) {
            const float2 values = pair(row * channels + channel, channel);
            first += values.x;
            second += (double)values.x * values.y;
        }
    }
    sums[0][threadIdx.x] = first;
    sums[1][threadIdx.x] = second;
    __syncthreads();
    if (lane == 0 && channel < channels) {
        for (u32 other = 1; other < lanes; other++) {
            first += sums[0][other * width + threadIdx.x];
            second += sums[1][other * width + threadIdx.x];
        }
        partial[2 * blockIdx.x * channels + channel] = first;
        partial[(2 * blockIdx.x + 1) * channels + channel] = second;
    }
}

// Reduces the values of a block's threads to one, which every thread receives.
template <typename Fold>
__device__ double fold(double mine, Fold combine) {
    __shared__ double values[THREADS];
    __syncthreads();
    values[threadIdx.x] = mine;
    for (u32 half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) {
            values[threadIdx.x] = combine(values[threadIdx.x], values[threadIdx.x + half]);
        }
    }
    __syncthreads();
    return values[0];
}

__device__ double sum_of(double mine) {
    return fold(mine, [](double a, double b) { return a + b; });
}

// Both sums of one channel over all `parts` of `partial`.
__device__ double2 whole_sums(const double *partial, u32 parts, u32 channels, u32 channel) {
    double first = 0, second = 0;
    for (u32 part = threadIdx.x; part < parts; part += THREADS) {
        first += partial[2 * part * channels + channel];
        second += partial[(2 * part + 1) * channels + channel];
    }
    return make_double2(sum_of(first), sum_of(second));
}

// Sums of `z` (rows, channels) and of its squares.
extern "C" __global__ void sum_moments(const float *z, u32 rows, u32 channels, double *partial) {
    sum_pairs(rows, channels, partial, [=](u32 i, u32) { return make_float2(z[i], z[i]); });
}

// Mean and biased variance of each channel from `sum_moments`, and for the running statistics the
// negatives of the mean and of the unbiased variance. One block for each channel.
extern "C" __global__ void batch_statistics(
    const double *partial, u32 parts, u32 channels, u32 rows,
    float *mean, float *variance, float *minus_mean, float *minus_unbiased
) {
    const u32 channel = blockIdx.x;
    const double2 sums = whole_sums(partial, parts, channels, channel);
    if (threadIdx.x == 0) {
        const double average = sums.x / rows;
        const double spread = max(sums.y / rows - average * average, 0.0);
        mean[channel] = average;
        variance[channel] = spread;
        minus_mean[channel] = -average;
        minus_unbiased[channel] = -spread * (rows / max(rows - 1.0, 1.0));
    }
}

// BN of `z`, the shortcut's addition if there is one, and ReLU if requested. NaN stays NaN.
extern "C" __global__ void normalise(
    const float *z, const float *mean, const float *variance, const float *gamma, const float *beta,
    const float *shortcut, u32 channels, u32 count, u32 relu, float *y
) {
    FOR_EACH(i, count) {
        const u32 channel = i % channels;
        const float unit = centred(z[i], mean[channel], variance[channel]);
        float value = unit * gamma[channel] + beta[channel];
        if (shortcut) {
            value += shortcut[i];
        }
        y[i] = relu && value < 0 ? 0 : value;
    }
}

// The backward pass of ReLU, in place, given its output `y`: zero where `y` is zero. Sums the gradient
// and its products with BN's normalised values.
extern "C" __global__ void sum_gradients(
    float *gradient, const float *y, const float *z, const float *mean, const float *variance,
    u32 rows, u32 channels, double *partial
) {
    sum_pairs(rows, channels, partial, [=](u32 i, u32 channel) {
        if (y && y[i] <= 0) {
            gradient[i] = 0;
        }
        return make_float2(gradient[i], centred(z[i], mean[channel], variance[channel]));
    });
}

// From `sum_gradients`: adds to the gradients of gamma and beta, and stores both means. One block for
// each channel.
extern "C" __global__ void scale_gradients(
    const double *partial, u32 parts, u32 channels, u32 rows,
    float *of_gamma, float *of_beta, float *mean_gradient, float *mean_product
) {
    const u32 channel = blockIdx.x;
    const double2 sums = whole_sums(partial, parts, channels, channel);
    if (threadIdx.x == 0) {
        of_gamma[channel] += sums.y;
        of_beta[channel] += sums.x;
        mean_gradient[channel] = sums.x / rows;
        mean_product[channel] = sums.y / rows;
    }
}

// The backward pass of BN: the gradient of `z` from that of BN's output.
extern "C" __global__ void normalise_backward(
    const float *gradient, const float *z, const float *mean, const float *variance,
    const float *gamma, const float *mean_gradient, const float *mean_product,
    u32 channels, u32 count, float *of_z
) {
    FOR_EACH(i, count) {
        const u32 channel = i % channels;
        const float unit = centred(z[i], mean[channel], variance[channel]);
        const float rest = gradient[i] - mean_gradient[channel] - unit * mean_product[channel];
        of_z[i] = gamma[channel] * inverse_deviation(variance[channel]) * rest;
    }
}

// The pixel of the input that option A takes for pixel `row` of its output.
__device__ u32 taken_pixel(Window window, u32 row) {
    const u32 column = row % window.out_size, image_row = row / window.out_size;
    const u32 image = image_row / window.out_size, y = image_row % window.out_size;
    return (image * window.size + y * window.stride) * window.size + column * window.stride;
}

// Option A: every second pixel of every second row, and zeros for the channels from
// `window.channels` to `out_channels`. `count` is the number of outputs.
extern "C" __global__ void subsample_and_pad(
    const float *x, Window window, u32 out_channels, u32 count, float *y
) {
    FOR_EACH(i, count) {
        const u32 channel = i % out_channels, row = i / out_channels;
        const u32 from = taken_pixel(window, row);
        y[i] = channel < window.channels ? x[from * window.channels + channel] : 0;
    }
}

// The transpose of `subsample_and_pad`: adds to `of_x`. `count` is the number of values that were
// taken.
extern "C" __global__ void subsample_backward(
    const float *gradient, Window window, u32 out_channels, u32 count, float *of_x
) {
    FOR_EACH(i, count) {
        const u32 channel = i % window.channels, row = i / window.channels;
        const u32 to = taken_pixel(window, row);
        of_x[to * window.channels + channel] += gradient[row * out_channels + channel];
    }
}

// Global average pooling: `features` (images, channels); `count` is their number.
extern "C" __global__ void average(const float *x, u32 pixels, u32 channels, u32 count, float *features) {
    FOR_EACH(i, count) {
        const u32 image = i / channels, channel = i % channels;
        float sum = 0;
        for (u32 pixel = 0; pixel < pixels; pixel++) {
            sum += x[(image * pixels + pixel) * channels + channel];
        }
        features[i] = sum / pixels;
    }
}

// The backward pass of the pooling; `count` is the number of values of `of_x`.
extern "C" __global__ void average_backward(
    const float *of_features, u32 pixels, u32 channels, u32 count, float *of_x
) {
    FOR_EACH(i, count) {
        const u32 image = i / channels / pixels, channel = i % channels;
        of_x[i] = of_features[image * channels + channel] / pixels;
    }
}

// Adds the bias to every row of `z` (rows, channels); `count` is the number of its values.
extern "C" __global__ void add_bias(const float *bias, u32 channels, u32 count, float *z) {
    FOR_EACH(i, count) {
        z[i] += bias[i % channels];
    }
}

// From `sum_moments` of a gradient: adds to the bias's. One block for each channel.
extern "C" __global__ void bias_gradient(
    const double *partial, u32 parts, u32 channels, float *of_bias
) {
    const double2 sums = whole_sums(partial, parts, channels, blockIdx.x);
    if (threadIdx.x == 0) {
        of_bias[blockIdx.x] += sums.x;
    }
}

// The cross-entropy of each row of `logits` (images, classes), and the gradient of their mean. One
// block for each image.
extern "C" __global__ void cross_entropy(
    const float *logits, const u32 *labels, u32 classes, float *losses, float *gradient
) {
    const float *row = logits + blockIdx.x * classes;
    float *of_row = gradient + blockIdx.x * classes;
    const u32 label = labels[blockIdx.x];
    double largest = row[label];
    for (u32 i = threadIdx.x; i < classes; i += THREADS) {
        largest = fmax(largest, (double)row[i]);
    }
    largest = fold(largest, [](double a, double b) { return fmax(a, b); });
    double sum = 0;
    for (u32 i = threadIdx.x; i < classes; i += THREADS) {
        sum += exp(row[i] - largest);
    }
    sum = sum_of(sum);
    for (u32 i = threadIdx.x; i < classes; i += THREADS) {
        of_row[i] = (exp(row[i] - largest) / sum - (i == label)) / gridDim.x;
    }
    if (threadIdx.x == 0) {
        losses[blockIdx.x] = largest + log(sum) - row[label];
    }
}

// The mean of `count` values. One block.
extern "C" __global__ void mean(const float *values, u32 count, float *result) {
    double sum = 0;
    for (u32 i = threadIdx.x; i < count; i += THREADS) {
        sum += values[i];
    }
    sum = sum_of(sum);
    if (threadIdx.x == 0) {
        *result = sum / count;
    }
}

// Adds `factor` times `values` to `result`.
extern "C" __global__ void add_scaled(
    const float *values, const float *factor, u32 count, float *result
) {
    FOR_EACH(i, count) {
        result[i] += *factor * values[i];
    }
}
