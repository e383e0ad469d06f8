// A page on the disk cannot ask for news: while its sweep runs, it loads itself again. Once it is
// not written anew any more, it asks less often.

const PATIENCE = 3; // rewritings that may fail to appear
const SLOW_S = 60;

function prepareRefresh() {
  if (data.refresh_s === null) return;
  const age_s = (Date.now() - data.written_ms) / 1000;
  const stale = age_s > PATIENCE * data.refresh_s + 5;
  const wait_s = stale ? SLOW_S : data.refresh_s;
  const text = stale ? "the sweep's writer has gone quiet" : `loads itself again every ${duration(wait_s)}`;
  const show = () => {
    byId("refresh-text").textContent = state.paused ? "does not load itself again" : text;
    byId("pause").setAttribute("aria-pressed", state.paused);
  };
  byId("refresh").hidden = false;
  byId("pause").addEventListener("click", () => {
    state.paused = !state.paused;
    writeState();
    show();
  });
  setInterval(() => reload(), wait_s * 1000);
  show();
}

// Not while somebody marks text or types.
function reload() {
  const busy = state.paused || getSelection().toString() || document.activeElement === byId("filter");
  if (!busy && !document.hidden) location.reload();
}

