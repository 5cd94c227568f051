// Shows or hides columns, and stores the order of the rows and the columns in the address:
// #sort=on_time_rate&up=1&show=units_expected,on_time_rate
(function () {
  "use strict";
  var table = document.getElementById("compare");
  var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  var keys = heads.map(function (head) { return head.dataset.key; });
  var choose = document.getElementById("choose"), boxes = choose.querySelectorAll("input");
  var state = new URLSearchParams(location.hash.slice(1));
  function storeState() {
    try { history.replaceState(null, "", "#" + state.toString()); } catch (refused) { /* opened from a folder */ }
  }
  function show() {
    boxes.forEach(function (box) {
      var column = keys.indexOf(box.name);
      Array.prototype.forEach.call(table.rows, function (row) { row.cells[column].hidden = !box.checked; });
    });
  }
  if (state.has("show")) {
    var chosen = state.get("show").split(",");
    boxes.forEach(function (box) { box.checked = chosen.indexOf(box.name) >= 0; });
  }
  choose.hidden = false;
  choose.addEventListener("change", function () {
    state.set("show", Array.prototype.filter.call(boxes, function (box) { return box.checked; })
      .map(function (box) { return box.name; }).join(","));
    show();
    storeState();
  });
  show();
  // The script of all tables runs before this event.
  document.addEventListener("DOMContentLoaded", function () {
    var first = keys.indexOf(state.get("sort")), up = state.get("up") === "1";
    if (first >= 0) { table.dispatchEvent(new CustomEvent("sort-by", { detail: { column: first, up: up } })); }
    table.addEventListener("sorted", function (event) {
      var column = event.detail.column;
      if (column < 0) { state.delete("sort"); state.delete("up"); }
      else { state.set("sort", keys[column]); state.set("up", event.detail.up ? "1" : "0"); }
      storeState();
    });
  });
}());
