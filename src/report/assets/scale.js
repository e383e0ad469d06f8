// From values to places in the chart. Pure.

// A round step that is in a range about `count` times.
function roundStep(range, count) {
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * (1 - 1e-9));
}

// The multiples of a step within a range.
function ticks(low, high, step) {
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, index) => (first + index) * step);
}

function linear(low, high, from, to) {
  const place = (value) => from + ((value - low) / (high - low)) * (to - from);
  place.value = (at) => low + ((at - from) / (to - from)) * (high - low);
  return place;
}

// What is 0 or less has no logarithm and lies on the lower edge.
function logarithmic(low, high, from, to) {
  const span = Math.log(high / low);
  const place = (value) => from + (Math.log(Math.max(value, low) / low) / span) * (to - from);
  place.value = (at) => low * Math.exp(((at - from) / (to - from)) * span);
  return place;
}

// The scale of errors or losses and where its lines are: with round ends around the values, from 0
// unless the lowest is more than half of the highest; `range` gives the ends themselves.
function valueScale(values, range, isLog, from, to) {
  if (isLog) return logScale(values.filter((value) => value > 0), range, from, to);
  const highest = Math.max(1e-3, ...values);
  const lowest = Math.min(highest, ...values);
  const start = lowest < highest / 2 ? 0 : lowest;
  const step = roundStep(Math.max(highest - start, highest * 1e-3), 5);
  const ends = [Math.floor(start / step + 1e-9) * step, Math.ceil(highest / step - 1e-9) * step];
  const [low, high] = range || ends;
  const lines = ticks(low, high, range ? roundStep(high - low, 5) : step);
  return { place: linear(low, high, from, to), lines };
}

function logScale(values, range, from, to) {
  const highest = values.length > 0 ? Math.max(...values) : 1;
  const lowest = values.length > 0 ? Math.min(...values) : 0.1;
  const [low, high] = range && range[0] > 0 ? range : [lowest * 0.9, Math.max(highest * 1.1, lowest * 2)];
  if (high / low < 5) return { place: logarithmic(low, high, from, to), lines: ticks(low, high, roundStep(high - low, 5)) };
  const digits = high / low > 100 ? [1] : [1, 2, 5];
  const powers = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    powers.push(...digits.map((digit) => digit * 10 ** power));
  }
  return { place: logarithmic(low, high, from, to), lines: powers.filter((line) => line >= low && line <= high) };
}

// The index of the last of ascending places that is not after `at`; -1 where there is none.
function lastBy(places, at) {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
