// How long the rest of the sweep takes, from what the runs took so far: seconds for each operation
// of training, shared by as many runs as train at once.

function timeLeft() {
  let [seconds, work, rest, together] = [0, 0, 0, 1];
  for (const run of data.runs) {
    const each = secondsPerIteration(run);
    const last = lastIteration(run);
    if (each !== null) [seconds, work] = [seconds + each * last, work + last * run.flops];
    const newest = run.attempts.at(-1);
    if (newest) together = Math.max(together, newest.workers);
    const ended = newest && ["finished", "diverged", "failed"].includes(newest.state);
    if (!ended) rest += (run.iterations - last) * run.flops;
  }
  return work > 0 && rest > 0 ? ((seconds / work) * rest) / together : null;
}

function showTimeLeft() {
  const left = timeLeft();
  byId("left").textContent = left === null ? "" : `about ${duration(left)} left`;
}
