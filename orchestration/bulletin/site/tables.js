// Tables of every page: sorting, download as CSV, and one tab stop each. Without this script they are
// plain tables. Events on a table let the script of a page work with it:
//   rows-needed   sent before sorting and download: add the rows that are not there yet
//   rows-changed  received: the page has replaced the rows
//   sort-by       received, detail {column, up}: sort
//   sorted        sent, detail {column, up}: column is -1 for the original order
(function () {
  "use strict";
  var MISSING = "—", TOTALS = /^(全国|合计|总计)/, STOPS = "a[href], button";
  // The same rule as of the open data: a text that a spreadsheet would run gets an apostrophe.
  var FORMULA = /^[=+\-@\t\r\n＝＋－＠]/, PLAIN = /^[-+]?\d[\d,]*(\.\d+)?%?$/;
  var NUMBER = /^[-+−]?\d[\d,]*(\.\d+)?/;
  var collator = window.Intl && new Intl.Collator("zh-CN", { numeric: true });
  var isSynthetic = !!document.querySelector(".synthetic");
  var tables = document.querySelectorAll("main table"), status, keys;
  function each(list, act) { Array.prototype.forEach.call(list, act); }
  function make(tag, text, className) {
    var made = document.createElement(tag);
    made.textContent = text;
    if (className) { made.className = className; }
    return made;
  }
  function words(cell) { return cell.textContent.replace(/\s+/g, " ").trim(); }
  function send(table, name, detail) { table.dispatchEvent(new CustomEvent(name, { detail: detail })); }
  function name(head) { return head.dataset.name || words(head); }

  // --- sorting ---
  function isSortable(table) {
    var head = table.tHead, group = table.querySelector("tbody th[scope=rowgroup]");
    if (!head || head.rows.length !== 1 || head.querySelector("[colspan]")) { return false; }
    return table.tBodies[0] && (table.hasAttribute("data-growing") || group || table.tBodies[0].rows.length > 2) &&
      !table.querySelector("tbody :is(td, th)[rowspan], tbody :is(td, th:not([scope=rowgroup]))[colspan]");
  }
  function key(row, column) {
    var cell = row.cells[column], order = cell.getAttribute("data-order");
    if (order !== null) { return order === "" ? null : Number(order); }
    var figure = cell.querySelector(".figure"), text = figure ? words(figure) : words(cell);
    if (text === "" || text === MISSING) { return null; }
    var number = NUMBER.exec(text);
    // A text such as 2024年12月15日 or 3家 begins with a number and is compared as a text.
    if (!number || !/^[%]?( .*)?$|^个百分点$/.test(text.slice(number[0].length))) { return text; }
    return Number(number[0].replace(/,/g, "").replace("−", "-"));
  }
  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") { return a - b; }
    if (typeof a !== typeof b) { return typeof a === "number" ? -1 : 1; }
    return collator ? collator.compare(a, b) : a < b ? -1 : a > b ? 1 : 0;
  }
  function isFixed(row) {
    return row.cells[0].scope === "rowgroup" || TOTALS.test(words(row.cells[0]));
  }
  function sortBody(body, column, up) {
    var rows = Array.prototype.slice.call(body.rows), first = 0, last = rows.length;
    rows.forEach(function (row, index) { if (row.place === undefined) { row.place = index; } });
    rows.sort(function (a, b) { return a.place - b.place; });
    while (first < last && isFixed(rows[first])) { first += 1; }
    while (last > first && isFixed(rows[last - 1])) { last -= 1; }
    var moved = rows.slice(first, last);
    if (column >= 0) {
      var keyed = moved.map(function (row) { return [key(row, column), row]; });
      keyed.sort(function (a, b) {
        var tie = a[1].place - b[1].place;
        if (a[0] === null || b[0] === null) { return (a[0] === null) - (b[0] === null) || tie; }
        return (up ? 1 : -1) * compare(a[0], b[0]) || tie;
      });
      moved = keyed.map(function (pair) { return pair[1]; });
    }
    var part = document.createDocumentFragment();
    rows.slice(0, first).concat(moved, rows.slice(last)).forEach(function (row) { part.appendChild(row); });
    body.appendChild(part);
  }
  function sort(table, column, up) {
    send(table, "rows-needed");
    each(table.tBodies, function (body) { sortBody(body, column, up); });
    var heads = table.tHead.rows[0].cells;
    each(heads, function (head, index) {
      if (index === column) { head.setAttribute("aria-sort", up ? "ascending" : "descending"); }
      else { head.removeAttribute("aria-sort"); }
    });
    say(column < 0 ? "已恢复原来的顺序" : "已按" + name(heads[column]) + (up ? "从低到高" : "从高到低") + "排序");
    send(table, "sorted", { column: column, up: up });
  }
  function say(text) {
    if (!status) {
      status = make("p", "", "unseen");
      status.setAttribute("role", "status");
      document.querySelector("main").appendChild(status);
    }
    status.textContent = text;
  }
  function startsUp(table, head, column) {
    if (head.hasAttribute("data-lowest")) { return true; }
    var rows = table.tBodies[0].rows;
    for (var index = 0; index < rows.length; index += 1) {
      var found = isFixed(rows[index]) ? null : key(rows[index], column);
      if (found !== null) { return column === 0 || typeof found === "string"; }
    }
    return true;
  }
  function addButtons(table) {
    each(table.tHead.rows[0].cells, function (head, column) {
      var text = words(head), button = make("button", text);
      button.type = "button";
      head.dataset.name = text;
      head.textContent = "";
      head.appendChild(button);
      // For print: a header that is repeated on the next page is repeated without its buttons.
      head.appendChild(make("span", text, "printed"));
      button.addEventListener("click", function () {
        var now = head.getAttribute("aria-sort"), first = startsUp(table, head, column);
        if (!now) { sort(table, column, first); }
        else if ((now === "ascending") === first) { sort(table, column, !first); }
        else { sort(table, -1, true); }
      });
    });
    table.addEventListener("sort-by", function (event) { sort(table, event.detail.column, event.detail.up); });
  }

  // --- download ---
  function field(text) {
    if (FORMULA.test(text) && !PLAIN.test(text)) { text = "'" + text; }
    return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }
  function csv(table) {
    var lines = [], group = "", hasGroups = !!table.querySelector("tbody th[scope=rowgroup]");
    each(table.rows, function (row) {
      var isHead = row.parentNode === table.tHead;
      if (row.cells[0].scope === "rowgroup") { group = words(row.cells[0]); return; }
      var fields = hasGroups ? [isHead ? "分组" : group] : [];
      each(row.cells, function (cell) {
        if (!cell.hidden) { fields.push(isHead ? name(cell) : words(cell)); }
      });
      if (isSynthetic) { fields.push(isHead ? "数据性质" : "合成数据，非真实填报"); }
      lines.push(fields.map(field).join(","));
    });
    return "\ufeff" + lines.join("\r\n") + "\r\n";
  }
  function download(table, caption) {
    send(table, "rows-needed");
    var link = document.createElement("a"), title = words(document.querySelector("h1"));
    var parts = title.indexOf(caption) < 0 ? [title, caption] : [title];
    link.download = (isSynthetic ? "合成数据-" : "") + parts.join("-").replace(/[\\/:*?"<>|\s]+/g, "_").slice(0, 80) + ".csv";
    link.href = URL.createObjectURL(new Blob([csv(table)], { type: "text/csv;charset=utf-8" }));
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 60000);
  }
  function addDownload(table, box) {
    var caption = table.caption ? words(table.caption) : "", tools = make("p", "", "table-tools");
    var button = make("button", "下载CSV");
    button.type = "button";
    button.setAttribute("aria-label", "下载CSV：" + caption);
    button.addEventListener("click", function () { download(table, caption); });
    tools.appendChild(button);
    tools.hidden = box.hidden;
    box.parentNode.insertBefore(tools, box.nextSibling);
    return tools;
  }

  // --- one tab stop: arrow keys move between the links and buttons of a table ---
  function isSeen(stop) { return !!stop.offsetParent; }
  function makeCurrent(table, stop) {
    if (table.current && table.current !== stop) { table.current.tabIndex = -1; }
    table.current = stop;
    stop.tabIndex = 0;
  }
  function setStops(table, box) {
    var stops = table.querySelectorAll(STOPS);
    each(stops, function (stop) { stop.tabIndex = -1; });
    table.current = null;
    if (!stops.length) { box.tabIndex = 0; return; }
    box.removeAttribute("tabindex");
    makeCurrent(table, stops[0]);
  }
  function inRow(row, column) {
    var cell = row.cells[column], inCell = cell && !cell.hidden && cell.querySelector(STOPS);
    return inCell || Array.prototype.filter.call(row.querySelectorAll(STOPS), isSeen)[0];
  }
  function next(table, from, pressed, ctrl) {
    var cell = from.closest("td, th"), row = from.closest("tr"), rows = table.rows;
    var stops = Array.prototype.filter.call((ctrl ? table : row || table).querySelectorAll(STOPS), isSeen);
    var at = stops.indexOf(from), step = pressed === "ArrowDown" ? 1 : -1;
    if (pressed === "Home") { return stops[0]; }
    if (pressed === "End") { return stops[stops.length - 1]; }
    if (pressed === "ArrowRight") { return stops[at + 1]; }
    if (pressed === "ArrowLeft") { return stops[at - 1]; }
    for (var index = row.rowIndex + step; rows[index]; index += step) {
      var found = inRow(rows[index], cell.cellIndex);
      if (found) { return found; }
    }
    return null;
  }
  function handleKeys(table) {
    table.addEventListener("focusin", function (event) {
      if (event.target.matches(STOPS)) { makeCurrent(table, event.target); }
    });
    table.addEventListener("keydown", function (event) {
      if (!/^(Arrow(Up|Down|Left|Right)|Home|End)$/.test(event.key) || event.altKey || event.metaKey) { return; }
      if (!event.target.matches(STOPS)) { return; }
      event.preventDefault();
      var stop = next(table, event.target, event.key, event.ctrlKey);
      if (stop) { stop.focus(); }
    });
  }

  each(tables, function (table) {
    var box = table.closest(".scroll") || table, sortable = isSortable(table);
    if (sortable) { addButtons(table); }
    var tools = table.tHead ? addDownload(table, box) : null;
    setStops(table, box);
    handleKeys(table);
    if (table.current) {
      if (!keys) {
        keys = make("p", "表内用方向键移动，用Tab键离开表格。", "unseen");
        keys.id = "table-keys";
        document.querySelector("main").appendChild(keys);
      }
      box.setAttribute("aria-describedby", "table-keys");
    }
    table.addEventListener("rows-changed", function () {
      if (sortable) { each(table.tHead.rows[0].cells, function (head) { head.removeAttribute("aria-sort"); }); }
      setStops(table, box);
      if (tools) { tools.hidden = box.hidden; }
    });
  });
}());
