// Makes the figures of a page links to what they mean, when asked to.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", function () {
    var button = document.getElementById("tracing"), root = button.dataset.root;
    var figures = Array.prototype.filter.call(document.querySelectorAll("span[data-figure]"), function (figure) {
      return !figure.closest("a");
    });
    button.hidden = !figures.length;
    button.addEventListener("click", function () {
      var on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      figures.forEach(function (figure) {
        var link = document.createElement("a"), text = figure.textContent;
        link.href = root + "trace/index.html#" + figure.dataset.figure;
        link.textContent = text;
        figure.textContent = "";
        figure.appendChild(on ? link : document.createTextNode(text));
      });
    });
  });
}());
