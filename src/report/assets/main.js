// Puts the parts together.

function showAll() {
  byId("filter").value = state.text;
  showSettings();
  rows.forEach(showDetails);
  showFilter();
  showOrder();
  showChoice();
}

byId("panel").hidden = false;
byId("tools").hidden = false;
byId("written").textContent = moment(data.written_ms);
prepareTable();
watchChart();
watchSettings();
prepareSave();
offerFilters();
showTimeLeft();
byId("reset").addEventListener("click", () => zoomTo(null));
byId("clear").addEventListener("click", () => {
  state.chosen = [];
  byId("full").hidden = true;
  showChoice();
  writeState();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input[type=search]")) {
    byId("filter").focus();
    event.preventDefault();
  }
});
window.addEventListener("hashchange", () => {
  if (location.hash === written || !saysState()) return;
  readState();
  showAll();
});
if (!readState()) chooseFirst();
prepareRefresh();
showAll();
