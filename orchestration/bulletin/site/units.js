// Searches the units in data.js, which defines unitData. Results are inserted as text, never as markup.
// The address stores the query: #q=深圳&task=T05&province=440000&level=0&report=0&grade=0
(function () {
  "use strict";
  var data = window.unitData;
  var form = document.getElementById("search"), more = document.getElementById("more");
  var results = document.getElementById("results"), body = results.querySelector("tbody");
  var table = results.querySelector("table");
  var status = document.getElementById("found"), fields = form.querySelectorAll("input, select");
  var STEP = 50, units = [], found = [], shown = 0, waiting;
  function plain(text) { return text.normalize("NFKC").toLowerCase(); }
  Object.keys(data.provinces).forEach(function (province) {
    var tasks = data.units[province] || {};
    Object.keys(data.tasks).forEach(function (task) {
      (tasks[task] || []).forEach(function (unit) {
        units.push({ unit: unit, task: task, province: province, level: String(unit[3]),
          report: String(unit[5]), grade: String(unit[6]),
          text: plain(unit.slice(0, 3).filter(Boolean).join(" ")) });
      });
    });
  });
  function cell(kind, text) {
    var made = document.createElement(kind);
    made.textContent = text;
    return made;
  }
  function row(it) {
    var made = document.createElement("tr"), name = cell("th", ""), link = cell("a", it.unit[1] || it.unit[0] || "—");
    var texts = { code: it.unit[0], task: data.tasks[it.task], province: data.provinces[it.province],
      city: it.unit[2], level: data.levels[it.unit[3]], status: data.statuses[it.unit[4]],
      report: data.reports[it.unit[5]], grade: data.grades[it.unit[6]] || "—" };
    name.scope = "row";
    link.href = it.province + ".html#" + it.unit[0];
    name.appendChild(link);
    made.appendChild(name);
    data.columns.forEach(function (column) { made.appendChild(cell("td", texts[column])); });
    return made;
  }
  function show(until) {
    var part = document.createDocumentFragment();
    found.slice(shown, until).forEach(function (it) { part.appendChild(row(it)); });
    shown = Math.min(found.length, until);
    body.appendChild(part);
    more.hidden = shown === found.length;
    table.dispatchEvent(new CustomEvent("rows-changed"));
    status.textContent = found.length ? "找到" + found.length + "家，显示前" + shown + "家。" : "没有符合条件的单位。";
  }
  function search() {
    var query = new URLSearchParams();
    fields.forEach(function (field) { if (field.value.trim()) { query.set(field.name, field.value.trim()); } });
    var words = plain(query.get("q") || "").split(/\s+/);
    found = units.filter(function (it) {
      return ["task", "province", "level", "report", "grade"].every(function (name) {
        return !query.has(name) || query.get(name) === it[name];
      }) && words.every(function (word) { return it.text.indexOf(word) >= 0; });
    });
    body.textContent = "";
    shown = 0;
    var none = !query.toString();
    results.hidden = none || !found.length;
    more.hidden = true;
    table.dispatchEvent(new CustomEvent("rows-changed"));
    if (none) { status.textContent = "请输入单位名称或者选择条件。"; } else { show(STEP); }
    try { history.replaceState(null, "", "#" + query.toString()); } catch (refused) { /* opened from a folder */ }
  }
  function read() {
    var query = new URLSearchParams(location.hash.slice(1));
    fields.forEach(function (field) { field.value = query.get(field.name) || ""; });
    search();
  }
  table.addEventListener("rows-needed", function () { if (shown < found.length) { show(found.length); } });
  form.hidden = false;
  form.addEventListener("input", function () { clearTimeout(waiting); waiting = setTimeout(search, 150); });
  form.addEventListener("submit", function (event) { event.preventDefault(); search(); });
  form.addEventListener("reset", function () { setTimeout(search, 0); });
  more.addEventListener("click", function () {
    var next = shown;
    show(shown + STEP);
    body.rows[next].querySelector("a").focus();
  });
  window.addEventListener("hashchange", read);
  read();
}());
