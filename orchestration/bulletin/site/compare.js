// Sorts the rows and shows or hides columns. The order of values is in data-order.
// The address stores the state: #sort=on_time_rate&up=1&show=units_expected,on_time_rate
(function () {
  "use strict";
  var table = document.getElementById("compare"), body = table.tBodies[0];
  var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
  var keys = heads.map(function (head) { return head.dataset.key; });
  var names = heads.map(function (head) { return head.textContent; });
  var choose = document.getElementById("choose"), boxes = choose.querySelectorAll("input");
  var status = document.getElementById("sorted"), state = new URLSearchParams(location.hash.slice(1));
  function storeState() {
    try { history.replaceState(null, "", "#" + state.toString()); } catch (refused) { /* opened from a folder */ }
  }
  function order(row, column) { return row.cells[column].getAttribute("data-order"); }
  function sort(column, up) {
    var rows = Array.prototype.slice.call(body.rows);
    rows.sort(function (a, b) {
      var x = order(a, column), y = order(b, column), tie = order(a, 0) - order(b, 0);
      if (x === "" || y === "") { return (x === "") - (y === "") || tie; }
      return (up ? x - y : y - x) || tie;
    });
    rows.forEach(function (row) { body.appendChild(row); });
    heads.forEach(function (head, index) {
      if (index === column) { head.setAttribute("aria-sort", up ? "ascending" : "descending"); }
      else { head.removeAttribute("aria-sort"); }
    });
    status.textContent = "已按" + names[column] + (up ? "从低到高" : "从高到低") + "排序";
    state.set("sort", keys[column]);
    state.set("up", up ? "1" : "0");
  }
  function show() {
    boxes.forEach(function (box) {
      var column = keys.indexOf(box.name);
      Array.prototype.forEach.call(table.rows, function (row) { row.cells[column].hidden = !box.checked; });
    });
  }
  heads.forEach(function (head, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = names[column];
    // For print: a header that is repeated on the next page is repeated without its buttons.
    var printed = document.createElement("span");
    printed.className = "printed";
    printed.textContent = names[column];
    head.textContent = "";
    head.appendChild(button);
    head.appendChild(printed);
    button.addEventListener("click", function () {
      var now = head.getAttribute("aria-sort");
      sort(column, now ? now === "descending" : column === 0 || head.hasAttribute("data-lowest"));
      storeState();
    });
  });
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
  var first = keys.indexOf(state.get("sort"));
  if (first >= 0) { sort(first, state.get("up") === "1"); }
}());
