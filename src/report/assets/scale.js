// From iterations and errors to places in the chart. Pure.

// A round step that is in a range about `count` times.
function roundStep(range, count) {
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

// The multiples of a step from 0 to an end.
function ticks(end, step) {
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, index) => index * step);
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
  const step = roundStep(highest, 5);
  const end = Math.ceil(highest / step - 1e-9) * step;
  return { place: linear(end, from, to), lines: ticks(end, step) };
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

