// Rates and costs as bars, with a table of the same.
import { h, perKWh, rateText } from '/page/kit.js';

const slot = 30 * 60_000;
const width = 480;
const height = 120;
const names = 'http://www.w3.org/2000/svg';

/**
 * The rates of a day, or of any other time.
 * @param rates rows in order: `{from, to, value}` with moments in milliseconds and major units
 * @param clock says the local time of a moment
 * @param chosen what to mark: its `periods`, `{from, to}` each, and in a `word` what happens in them
 * @param end what the axis ends with
 */
export function chart(title, rates, currency, clock, { now = Date.now(), chosen, end: endText = '24:00' } = {}) {
  if (rates.length === 0) {
    return h('figure', { class: 'chart' }, h('figcaption', {}, h('strong', {}, title)),
      h('p', { class: 'hint' }, 'These rates are not known yet.'));
  }
  const start = rates[0].from;
  const end = rates.at(-1).to;
  const values = rates.map((rate) => rate.value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const range = least === most
    ? rateText(least, currency)
    : `${rateText(least, currency)} – ${rateText(most, currency)}`;
  const spoken = `${title}: ${range} ${perKWh(currency)}`;
  return h('figure', { class: 'chart' },
    h('figcaption', {}, h('strong', {}, title), h('span', {}, `${range} ${perKWh(currency)}`)),
    bars(rates, start, end, spoken, currency, clock, now, chosen?.periods ?? []),
    h('div', { class: 'axis', 'aria-hidden': 'true' },
      [0, 0.25, 0.5, 0.75].map((part) => h('span', {}, clock(start + (end - start) * part))),
      h('span', {}, endText)),
    table(title, rates, currency, clock, chosen));
}

/**
 * Something for each day, or for anything else that has no price.
 * @param items `{label, value, text}`: where, how high, and the value as text
 * @param spoken all of it in a sentence
 */
export function columns(title, items, { head, unit, spoken }) {
  const svg = picture(spoken);
  const top = 1.15 * Math.max(0, ...items.map((item) => item.value));
  const bottom = Math.min(0, ...items.map((item) => item.value));
  const y = (value) => height * (top - value) / ((top - bottom) || 1);
  const step = width / items.length;
  items.forEach((item, index) => svg.append(bar({
    x: index * step + step * 0.15, width: step * 0.7, y: y(Math.max(item.value, 0)),
    height: Math.abs(y(item.value) - y(0)), class: 'bar',
  }, `${item.label}: ${item.text}`)));
  return h('figure', { class: 'chart' },
    h('figcaption', {}, h('strong', {}, title), h('span', {}, spoken)), svg,
    h('div', { class: 'axis', 'aria-hidden': 'true' },
      [...new Set([items[0].label, items.at(-1).label])].map((label) => h('span', {}, label))),
    asTable(title, [head, unit], items.map((item) => [item.label, item.text])));
}

function bars(rates, start, end, spoken, currency, clock, now, chosen) {
  const svg = picture(spoken);
  // Some room above, so that a day of one price is a day of bars and no wall.
  const top = 1.15 * Math.max(0, ...rates.map((rate) => rate.value));
  const bottom = Math.min(0, ...rates.map((rate) => rate.value));
  const y = (value) => height * (top - value) / ((top - bottom) || 1);
  const count = Math.max(1, Math.round((end - start) / slot));
  const step = width / count;
  for (const line of [top, (top + bottom) / 2]) {
    svg.append(element('line', { x1: 0, x2: width, y1: y(line), y2: y(line), class: 'grid' }));
  }
  for (let index = 0; index < count; index += 1) {
    const moment = start + index * slot;
    const rate = rates.find((each) => each.from <= moment && moment < each.to);
    if (!rate) continue;
    const isNow = moment <= now && now < moment + slot;
    const isChosen = chosen.some((period) => period.from < moment + slot && moment < period.to);
    svg.append(bar({
      x: index * step + step * 0.15, width: step * 0.7,
      y: y(Math.max(rate.value, 0)), height: Math.abs(y(rate.value) - y(0)),
      class: [isChosen && 'chosen', isNow && 'now'].filter(Boolean).join(' ') || 'bar',
    }, `${clock(moment)} ${rateText(rate.value, currency)} ${perKWh(currency)}${isNow ? ' (now)' : ''}`));
  }
  return svg;
}

function table(title, rates, currency, clock, chosen) {
  const rows = [];
  for (const rate of cut(rates, chosen?.periods ?? [])) {
    const last = rows.at(-1);
    if (last && last.value === rate.value && last.isChosen === rate.isChosen && last.to === rate.from) last.to = rate.to;
    else rows.push({ ...rate });
  }
  return asTable(title, ['From', 'To', ...chosen ? [chosen.word] : [], perKWh(currency)], rows.map((row) => [
    clock(row.from), clock(row.to), ...chosen ? [row.isChosen ? 'yes' : ''] : [], rateText(row.value, currency),
  ]));
}

/** Rates, cut where a period begins or ends. */
function cut(rates, periods) {
  const edges = periods.flatMap(({ from, to }) => [from, to]);
  return rates.flatMap((rate) => {
    const cuts = [...new Set([rate.from, ...edges.filter((edge) => rate.from < edge && edge < rate.to), rate.to])]
      .sort((one, other) => one - other);
    return cuts.slice(1).map((to, index) => ({
      from: cuts[index], to, value: rate.value,
      isChosen: periods.some((period) => period.from < to && cuts[index] < period.to),
    }));
  });
}

function asTable(title, head, rows) {
  return h('details', {},
    h('summary', { 'aria-label': `${title} as a table` }, 'As a table'),
    h('table', {},
      h('thead', {}, h('tr', {}, head.map((text) => h('th', { scope: 'col' }, text)))),
      h('tbody', {}, rows.map((row) => h('tr', {}, row.map((text) => h('td', {}, text)))))));
}

function picture(spoken) {
  const svg = element('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' });
  svg.setAttribute('aria-label', spoken);
  return svg;
}

function bar(attributes, text) {
  const rect = element('rect', { rx: 1.5, ...attributes, height: Math.max(1.5, attributes.height) });
  const tip = element('title', {});
  tip.textContent = text;
  rect.append(tip);
  return rect;
}

function element(name, attributes) {
  const made = document.createElementNS(names, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
