(function () {
  'use strict';
  var root = document.documentElement;
  root.classList.add('js');

  // Words of the mark that is nearest: the same that stand in its title.
  var tip = document.createElement('div');
  tip.id = 'tip'; tip.className = 'page'; tip.hidden = true; tip.style.minHeight = '0';
  document.body.appendChild(tip);
  var kept = new Map();
  function words(group) {
    if (!kept.has(group)) {
      var title = group.querySelector(':scope > title');
      kept.set(group, title ? title.textContent : '');
      group.setAttribute('aria-label', kept.get(group));
      if (title) title.remove();
    }
    return kept.get(group);
  }
  function point(event) {
    var svg = event.target.closest && event.target.closest('svg[role=img]');
    if (!svg) { tip.hidden = true; return; }
    var best = null, least = 22;
    svg.querySelectorAll('g').forEach(function (group) {
      if (!kept.has(group) && !group.querySelector(':scope > title')) return;
      var box = group.getBoundingClientRect();
      var dx = Math.max(box.left - event.clientX, 0, event.clientX - box.right);
      var dy = Math.max(box.top - event.clientY, 0, event.clientY - box.bottom);
      var far = Math.hypot(dx, dy);
      var middle = Math.hypot((box.left + box.right) / 2 - event.clientX, (box.top + box.bottom) / 2 - event.clientY) / 1000;
      if (far + middle < least) { least = far + middle; best = group; }
    });
    if (!best) { tip.hidden = true; return; }
    var holder = svg.closest('dialog') || document.body;
    if (tip.parentNode !== holder) holder.appendChild(tip);
    tip.textContent = words(best);
    tip.hidden = false;
    var x = Math.min(event.clientX + 14, root.clientWidth - tip.offsetWidth - 8);
    tip.style.left = Math.max(4, x) + 'px';
    tip.style.top = Math.max(4, event.clientY - tip.offsetHeight - 12) + 'px';
  }
  document.addEventListener('pointermove', point);
  document.addEventListener('pointerdown', point);
  document.addEventListener('scroll', function () { tip.hidden = true; }, true);

  // A picture alone, as large as the window, to zoom and to drag.
  var dialog = document.createElement('dialog');
  dialog.className = 'page'; dialog.style.minHeight = '0';
  dialog.innerHTML = '<form method="dialog"><button>Close</button><span>Scroll or pinch to zoom, drag to move, double-click for all of it</span></form>';
  document.body.appendChild(dialog);
  function enlarge(svg) {
    var old = dialog.querySelector('svg');
    if (old) old.remove();
    var copy = svg.cloneNode(true), all = svg.getAttribute('viewBox').split(' ').map(Number), view = all.slice();
    copy.removeAttribute('tabindex');
    dialog.appendChild(copy);
    function set() { copy.setAttribute('viewBox', view.join(' ')); }
    function place(event) {
      var p = new DOMPoint(event.clientX, event.clientY).matrixTransform(copy.getScreenCTM().inverse());
      return [p.x, p.y];
    }
    function zoom(at, factor) {
      var width = Math.min(all[2], Math.max(all[2] / 20, view[2] * factor));
      factor = width / view[2];
      view = [at[0] - (at[0] - view[0]) * factor, at[1] - (at[1] - view[1]) * factor, width, view[3] * factor];
      set();
    }
    var down = new Map();
    copy.addEventListener('wheel', function (event) { event.preventDefault(); zoom(place(event), Math.exp(event.deltaY / 500)); }, { passive: false });
    copy.addEventListener('dblclick', function () { view = all.slice(); set(); });
    copy.addEventListener('pointerdown', function (event) { down.set(event.pointerId, event); copy.setPointerCapture(event.pointerId); });
    copy.addEventListener('pointermove', function (event) {
      var before = down.get(event.pointerId);
      if (!before) return;
      if (down.size === 2) {
        var other = Array.from(down.values()).find(function (one) { return one.pointerId !== event.pointerId; });
        var was = Math.hypot(before.clientX - other.clientX, before.clientY - other.clientY);
        var is = Math.hypot(event.clientX - other.clientX, event.clientY - other.clientY);
        if (was > 0 && is > 0) zoom(place(other), was / is);
      } else {
        var from = place(before), to = place(event);
        view[0] -= to[0] - from[0]; view[1] -= to[1] - from[1];
        set();
      }
      down.set(event.pointerId, event);
    });
    ['pointerup', 'pointercancel'].forEach(function (end) { copy.addEventListener(end, function (event) { down.delete(event.pointerId); }); });
    dialog.showModal();
  }
  document.querySelectorAll('.panels svg').forEach(function (svg) {
    svg.setAttribute('tabindex', '0');
    svg.addEventListener('click', function () { enlarge(svg); });
    svg.addEventListener('keydown', function (event) { if (event.key === 'Enter') enlarge(svg); });
  });

  // A cell of the matrix: the line that repeats it.
  document.querySelectorAll('.mx').forEach(function (table) {
    var settings = Array.from(table.tHead.rows[0].cells).map(function (cell) { return cell.dataset.n; });
    var line = table.parentNode.parentNode.querySelector('.repeat'), on = null;
    table.tBodies[0].addEventListener('click', function (event) {
      var cell = event.target.closest('td');
      if (!cell || !cell.textContent) return;
      if (on) on.classList.remove('on');
      (on = cell).classList.add('on');
      var fault = cell.parentNode.cells[0].textContent;
      line.textContent = 'compare faults --' + table.dataset.ground + ' --only ' + fault + '/' + settings[cell.cellIndex] + ' --seed ' + table.dataset.seed + ' --seeds ' + table.dataset.trials;
    });
  });
  window.addEventListener('beforeprint', function () { document.querySelectorAll('details').forEach(function (one) { one.open = true; }); });
})();
