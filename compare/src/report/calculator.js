(function () {
  'use strict';
  var box = document.getElementById('calculator');
  if (!box) return;
  var form = box.querySelector('form'), shown = document.getElementById('chosen');
  var chances = box.dataset.chances.split(' ').map(Number);
  var zones = {}, curves = {};
  box.dataset.zones.split(';').forEach(function (one) { var p = one.split(' '); zones[p[0]] = +p[1]; });
  box.dataset.curves.split(';').forEach(function (one) {
    if (!one) return;
    var at = one.indexOf('='), sum = 0, steps = one.slice(at + 1).split(' ').map(Number);
    while (steps.length < chances.length) steps.push(0);
    curves[one.slice(0, at)] = steps.map(function (step) { return sum += step; });
  });
  var silences = box.dataset.silences.split(' ').map(Number);

  // The functions of model::unlike, model::order, model::survival and model::choice, under their names.
  function below(curve, us) {
    var above = curve.findIndex(function (quantile) { return quantile > us; });
    if (above < 0) return 1;
    if (above === 0) return 0;
    return chances[above - 1] + (chances[above] - chances[above - 1]) * (us - curve[above - 1]) / (curve[above] - curve[above - 1]);
  }
  function atLeastOf(each, k) {
    var exactly = [1];
    each.forEach(function (chance) {
      var next = exactly.concat(0).map(function () { return 0; });
      exactly.forEach(function (soFar, count) {
        next[count] += soFar * (1 - chance);
        next[count + 1] += soFar * chance;
      });
      exactly = next;
    });
    return exactly.slice(k).reduce(function (sum, one) { return sum + one; }, 0);
  }
  function quantile(copies, k, chance) {
    if (!k) return 0;
    var low = 0, high = Math.max.apply(null, copies.map(function (copy) { return copy[copy.length - 1]; }));
    for (var i = 0; i < 50; i++) {
      var middle = (low + high) / 2;
      var each = copies.map(function (copy) { return below(copy, middle); });
      if (atLeastOf(each, k) < chance) low = middle; else high = middle;
    }
    return high;
  }
  function choose(n, k) {
    var all = 1;
    for (var i = 0; i < k; i++) all *= (n - i) / (k - i);
    return all;
  }
  function atLeast(n, k, p) {
    var sum = 0;
    for (var j = k; j <= n; j++) sum += choose(n, j) * Math.pow(p, j) * Math.pow(1 - p, n - j);
    return sum;
  }
  function outcome(policy, asked) {
    var worst = Math.max(asked.lost, asked.dead), n, enough, awaited, mayBeDown;
    if (policy === 0) {
      n = asked.lost + asked.dead + 1;
      enough = Math.min(Math.max(asked.min || asked.lost + 1, 1), n);
      awaited = n; mayBeDown = n - enough;
    } else if (policy === 1) {
      enough = awaited = worst + 1; n = enough + asked.dead;
      mayBeDown = Math.min(n - enough, enough - 1);
    } else {
      n = 2 * worst + 1; enough = awaited = Math.floor(n / 2) + 1; mayBeDown = n - enough;
    }
    var place = '/' + [asked.links, asked.disk, asked.shape].join('/');
    var copies = [curves['own' + place]];
    for (var at = 1; at < n; at++) copies.push(curves[(at % zones[asked.links] === 0 ? 'near' : 'far') + place]);
    return {
      n: n, enough: enough, awaited: awaited,
      p50: quantile(copies, awaited, 0.5), p99: quantile(copies, awaited, 0.99),
      waits: atLeast(n, mayBeDown + 1, asked.down), lost: Math.pow(asked.copy, enough)
    };
  }

  function near(one, other) { return Math.abs(one - other) <= 1e-6 * Math.max(Math.abs(one), Math.abs(other)); }
  var agrees = box.dataset.proof.split(';').filter(Boolean).every(function (one) {
    var parts = one.split(','), p = parts[0].split(' ');
    var asked = { lost: +p[0], dead: +p[1], min: +p[2], links: p[3], disk: p[4], shape: p[5], copy: 0.01, down: 0.01 };
    return [0, 1, 2].every(function (policy) {
      var o = outcome(policy, asked), told = parts[policy + 1].split(' ').map(Number);
      return [o.n, o.enough, o.awaited, o.p50, o.p99, o.waits, o.lost].every(function (value, at) { return near(value, told[at]); });
    });
  });
  box.dataset.agrees = agrees ? 'yes' : 'no';
  if (!agrees) return;

  function digits(value) { return value >= 1000 ? Math.round(value).toLocaleString('en') : String(+value.toPrecision(3)); }
  function tiny(value) { return value === 0 ? '0' : value >= 0.001 ? digits(value * 100) + ' %' : value.toExponential(1); }
  function aMonth(share) {
    var seconds = share * 30 * 86400;
    return seconds < 1 ? 'under a second' : seconds < 120 ? digits(seconds) + ' s' : seconds < 7200 ? digits(seconds / 60) + ' min' : digits(seconds / 3600) + ' h';
  }
  var rules = [['isr', 'isr'], ['kof', 'k-of-isr'], ['quorum', 'quorum']];
  function cell(tag, text, name) { var c = document.createElement(tag); c.textContent = text; if (name) c.className = name; return c; }
  function show() {
    var asked = {};
    [].forEach.call(form.elements, function (field) { asked[field.name] = isNaN(field.value) ? field.value : +field.value; });
    var all = [0, 1, 2].map(function (policy) { return outcome(policy, asked); });
    var lag = asked.lag * 1.25;
    var lines = [
      ['replicas', function (o, at) { return o.n + (at === 0 ? ', min-ISR ' + o.enough : at === 1 ? ', k ' + o.enough : ''); }],
      ['waits for', function (o) { return o.awaited + ' of ' + o.n; }],
      ['p50', function (o) { return digits(o.p50 / 1000) + ' ms'; }],
      ['p99', function (o) { return digits(o.p99 / 1000) + ' ms'; }],
      ['bytes stored per byte', function (o) { return o.n + ' ×'; }],
      ['bytes sent between replicas per byte', function (o) { return o.n - 1 + ' ×'; }],
      ['no writes, a month', function (o) { return aMonth(o.waits) + ' (' + tiny(o.waits) + ')'; }],
      ['no acknowledgement when a follower hangs', function (o, at) {
        return o.n === 1 ? 'no follower' : o.awaited < o.n ? 'goes on' : o.enough === o.n ? 'until it is back' : digits(lag) + ' s'; }],
      ['no acknowledgement when the leader dies', function (o, at) {
        return o.n - o.enough === 0 ? 'until it is back' : at === 2 ? digits(silences[(o.n - 1) / 2]) + ' s' : digits(silences[0]) + ' s'; }],
      ['a record is lost, at worst', function (o) { return tiny(o.lost); }]
    ];
    var table = document.createElement('table'), head = table.createTHead().insertRow(), body = table.createTBody();
    head.appendChild(cell('th', ''));
    rules.forEach(function (rule) { head.appendChild(cell('th', rule[1], 'sys ' + rule[0])); });
    lines.forEach(function (line) {
      var row = body.insertRow(), name = cell('th', line[0]);
      name.scope = 'row'; row.appendChild(name);
      all.forEach(function (o, at) { row.appendChild(cell('td', line[1](o, at), 'r')); });
    });
    shown.textContent = '';
    shown.appendChild(table);
  }
  form.hidden = false;
  form.addEventListener('change', show);
  form.addEventListener('submit', function (event) { event.preventDefault(); });
  show();
})();
