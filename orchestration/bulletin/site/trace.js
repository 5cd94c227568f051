// What the id of a figure means; the address holds it: #2024/agg_province_task/440000/T05/on_time_rate
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("data").textContent);
  var form = document.getElementById("ask"), field = document.getElementById("figure");
  var list = document.getElementById("meaning");
  function say(what, text, href) {
    var term = document.createElement("dt"), said = document.createElement("dd"), into = said;
    term.textContent = what;
    if (href) { into = document.createElement("a"); into.href = href; said.appendChild(into); }
    into.textContent = text;
    list.appendChild(term);
    list.appendChild(said);
  }
  function show() {
    var parts = field.value.trim().split("/"), table = parts[1], grain = data.grains[table], key = {};
    list.textContent = "";
    if (!field.value.trim()) { return; }
    if (!grain || parts.length !== grain.length + 3) { say("编号", "不认识这个编号"); return; }
    say("编号", field.value.trim());
    say("汇总表", data.tables[table] + "（" + table + "）", "#" + table);
    say("年度", parts[0]);
    grain.forEach(function (name, index) { key[name] = parts[index + 2]; });
    [["province_code", "省份"], ["task_code", "重点任务"], ["level", "级别"], ["category", "类别"]].forEach(function (pair) {
      var code = key[pair[0]];
      if (code && code !== "-") { say(pair[1], data.names[pair[0]][code] || code); }
    });
    var indicator = data.indicators[key.indicator_code];
    if (indicator) {
      say("指标", indicator.name + "（" + key.indicator_code + "，" + indicator.unit + "）");
      say("汇总办法", indicator.how + (indicator.parts.length === 2 ? "；分子为" + indicator.parts[0] + "，分母为" + indicator.parts[1] : ""));
    }
    say("列", parts[parts.length - 1].split("-").map(function (name) {
      return (data.columns[table][name] || name) + "（" + name + "）";
    }).join("，减去"));
    var asked = new URLSearchParams();
    if (data.names.province_code[key.province_code]) { asked.set("province", key.province_code); }
    if (data.names.task_code[key.task_code] && key.task_code !== "ALL") { asked.set("task", key.task_code); }
    say("由哪些单位", "查看这些单位的报送情况", "../units/index.html#" + asked.toString());
    say("查到报送文件", "tongbao trace " + field.value.trim());
  }
  function read() {
    var asked = decodeURIComponent(location.hash.slice(1));
    if (asked.indexOf("/") > 0) { field.value = asked; show(); }
  }
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", function (event) { event.preventDefault(); show(); });
  window.addEventListener("hashchange", read);
  read();
}());
