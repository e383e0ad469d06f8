// From iterations and errors to places in the chart. Pure.

// Round steps that leave about `count` of them in a range that begins at 0.
function ticks(end, count) {
  const rough = end / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const last = Math.floor(end / step + 1e-9);
  return Array.from({ length: last + 1 }, (_, index) => index * step);
}

function linear(end, from, to) {
  const place = (value) => from + (value / end) * (to - from);
  place.value = (at) => ((at - from) / (to - from)) * end;
  return place;
}

// Errors of 0 have no logarithm and lie on the lower edge.
function logarithmic(low, high, from, to) {
  const span = Math.log10(high / low);
  return (value) => from + (Math.log10(Math.max(value, low) / low) / span) * (to - from);
}

// The scale of the errors and where its lines are.
function errorScale(errors, from, to) {
  const highest = Math.max(1e-3, ...errors);
  if (state.log) {
    const lowest = Math.min(highest, ...errors.filter((error) => error > 0));
    const [low, high] = [Math.floor(Math.log10(lowest)), Math.ceil(Math.log10(highest) + 1e-9)];
    const powers = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
    return { place: logarithmic(10 ** low, 10 ** high, from, to), lines: powers };
  }
  const lines = ticks(highest * 1.02, 5);
  return { place: linear(highest * 1.02, from, to), lines };
}

// The index of the last iteration that is not after `iteration`; -1 where there is none.
function lastBy(iterations, iteration) {
  let [low, high] = [0, iterations.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (iterations[middle] <= iteration) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// The error that had been recorded last by `iteration`.
function errorBy([iterations, errors], iteration) {
  const index = lastBy(iterations, iteration);
  return index < 0 ? null : errors[index];
}

