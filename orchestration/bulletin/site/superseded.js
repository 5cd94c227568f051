// A published edition doesn't know later ones. On a server, latest.json names the current one.
(function () {
  "use strict";
  var own = /\/edition-(\d+)\//.exec(location.pathname);
  if (!own || location.protocol.indexOf("http") !== 0 || !window.fetch) { return; }
  var notice = document.getElementById("superseded"), root = notice.dataset.root;
  fetch(root + "../latest.json").then(function (answer) { return answer.ok ? answer.json() : null; }).then(function (latest) {
    var number = latest && Number(latest.edition);
    if (!(number > Number(own[1]))) { return; }
    var link = notice.querySelector("a");
    link.href = root + "../edition-" + number + "/index.html";
    link.textContent = "第" + number + "版";
    notice.hidden = false;
  }).catch(function () {});
}());
