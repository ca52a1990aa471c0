// How it ends: what is connected, what is on its way, what did not work.

import { chart } from './chart.js';
import {
  button, clockOfRows, dateText, finite, h, listOf, offsetOf, percentText, perKWh, providerLine, rateText, short,
  wordsOf,
} from './kit.js';
import { structureName } from './screens-choice.js';
import { has, t } from './text.js';

export function summary(page, go) {
  const tariffs = tariffsOf(page);
  if (tariffs) return severalTariffs(page, tariffs, go);
  const data = page.data ?? {};
  const tariff = data.tariff ?? {};
  const isBroken = tariff.reconnect_required === true;
  const again = isBroken && wayOf(page, 'RECONNECT', 'EDIT');
  const [today, tomorrow] = [rowsOf(data.rates?.today), rowsOf(data.rates?.tomorrow)];
  const prices = pricesOf(today, tomorrow);
  return {
    title: isBroken ? t('summary.reconnect') : t('summary.title'),
    lead: isBroken ? t('summary.reconnect.lead') : undefined,
    content: [
      providerLine(data.provider),
      factList(factsOf(data, tariff, prices)),
      again && button(t('summary.reconnect.action'), () => go.act(again), 'primary'),
      button(t('done'), () => go.act('CLOSE'), again ? 'secondary' : 'primary'),
      charts(prices, today, tomorrow, data.currency_code),
    ],
    actions: again ? [again] : [],
  };
}

/** The different prices of two days. */
const pricesOf = (today, tomorrow) => new Set([...today, ...tomorrow].map((row) => row.value));

/** The prices of two days as charts; one price for all hours is a fact, and no chart. */
function charts(prices, today, tomorrow, currency) {
  const drawn = (title, rows) => chart(title, rows, currency, clockOfRows(rows));
  return prices.size > 1
    && h('div', { class: 'charts' }, drawn(t('summary.today'), today), drawn(t('summary.tomorrow'), tomorrow));
}

// MARK: - Every tariff of a location, as BUSBAR has them

/**
 * The tariffs of a page with a list of them, or with one for each direction and type; undefined for any other page. They
 * are members of the page itself.
 */
function tariffsOf({ data, tariffs = data?.tariffs, tariff_status: slots = data?.tariff_status }) {
  if (Array.isArray(tariffs)) return listOf(tariffs);
  if (typeof slots !== 'object' || slots === null) return undefined;
  return Object.entries(slots).filter(([, each]) => typeof each === 'object' && each !== null)
    .map(([slot, each]) => ({ ...partsOf(slot), ...each }));
}

/** `{type, direction}` of a slot's name, such as `non_commodity_import`. */
function partsOf(slot) {
  const [, type, direction] = /^(?:((?:non_)?commodity)_)?(import|export|local)$/.exec(slot) ?? [];
  return { type: (type ?? 'commodity').toUpperCase(), direction: direction?.toUpperCase() };
}

const statusOf = (tariff) => (typeof tariff.status === 'string' ? tariff.status.trim() : '');

function severalTariffs(page, tariffs, go) {
  const shown = tariffs.filter((tariff) => !/^NOT_/.test(statusOf(tariff)));
  const isBroken = shown.some((tariff) => statusOf(tariff) === 'ERROR');
  // One that names a way on for an error is the first choice then; without one it is a change of the tariff.
  const again = wayOf(page, 'RECONNECT', 'RETRY', 'CHANGE');
  // What reconnects a tariff that works leads to another one.
  const isOffered = isBroken ? again : again === 'RECONNECT';
  const close = button(t('done'), () => go.act('CLOSE'), isBroken && again ? 'secondary' : 'primary');
  const change = isOffered && button(isBroken && again === 'RECONNECT' ? t('summary.reconnect.action')
    : again === 'RETRY' ? t('retry') : t('action.EDIT'), () => go.act(again), isBroken ? 'primary' : 'secondary');
  return {
    title: t(isBroken ? 'tariffs.error' : shown.length > 1 ? 'tariffs.title'
      : shown.length === 1 ? 'summary.title' : 'tariffs.none'),
    lead: isBroken ? t('tariffs.error.lead') : undefined,
    content: [shown.map((tariff) => oneTariff(tariff, page, shown.length > 1)), isBroken ? [change, close] : [close, change]],
    actions: isOffered ? [again] : [],
  };
}

function oneTariff(tariff, { currency_code: currency }, hasTitle) {
  const days = tariff.prices ?? tariff.rates;
  const [today, tomorrow] = [rowsOf(days?.today), rowsOf(days?.tomorrow)];
  const prices = pricesOf(today, tomorrow);
  const status = statusOf(tariff);
  const isEstimate = tariff.temporary === true || tariff.is_temporary === true;
  const facts = [
    ['status', status && status !== 'CONNECTED' && (has(`status.${status}`) ? t(`status.${status}`) : wordsOf(status))],
    ...factsOf({ currency_code: currency, connection_type: tariff.connection_type },
      { name: tariff.display_name, ...tariff }, prices),
    ['vat', vatText(tariff, days)],
  ].filter(([, value]) => value);
  return h('section', { class: 'tariff' },
    hasTitle && h('h2', {}, kindOf(tariff)),
    providerLine(tariff.provider),
    isEstimate && h('p', { class: 'hint' }, t('tariffs.estimate')),
    factList(facts),
    charts(prices, today, tomorrow, currency));
}

/** What a tariff is for. */
function kindOf({ type, direction }) {
  if (type === 'NON_COMMODITY') return t('tariffs.network');
  return direction === 'EXPORT' ? t('tariffs.export') : direction === 'LOCAL' ? t('tariffs.local') : t('tariffs.import');
}

/** Value-added tax in percent: a share of the tariff (0.19), or a factor of its prices (1.19). */
function vatText(tariff, days) {
  const given = finite(tariff.vat) ?? finite(listOf(days?.today)[0]?.price?.vat);
  const share = given >= 1 ? given - 1 : given;
  return share > 0 && share < 1 ? percentText(share) : undefined;
}

/** @param prices the different ones of today and tomorrow */
function factsOf({ currency_code: currency, connection_type: type }, tariff, prices) {
  const [price] = prices;
  return [
    ['tariff', short(tariff.name)],
    ['structure', tariff.structure_type && structureName(tariff.structure_type)],
    ['rate', prices.size === 1 && `${rateText(price, currency, 4)} ${perKWh(currency)}`],
    ['source', type && (has(`source.${type}`) ? t(`source.${type}`) : wordsOf(type))],
    ['starts', dateText(tariff.contract_start_date)],
    ['ends', dateText(tariff.contract_end_date)
      || (tariff.contract_term_type === 'UNTIL_TERMINATED' && t('summary.endless'))],
  ].filter(([, value]) => value);
}

const factList = (facts) => h('dl', { class: 'facts' }, facts.map(([name, value]) =>
  h('div', {}, h('dt', {}, t(`summary.${name}`)), h('dd', {}, value))));

/** The rows of a day that can be drawn, in order. */
const rowsOf = (list) => listOf(list).map((row) => ({
  from: Date.parse(row.valid_from), to: Date.parse(row.valid_to), offset: offsetOf(row.valid_from),
  value: finite(row.price?.value) ?? finite(row.tariff?.cost),
  isForecast: finite(row.price?.confidence ?? row.tariff?.confidence) < 1,
})).filter(({ from, to, value }) => from < to && value !== undefined).sort((one, other) => one.from - other.from);

/** The first of some actions that the page advertises. */
const wayOf = (page, ...actions) => actions.find((action) => page.actions?.includes?.(action));

export function pending(page, go) {
  return {
    title: t('pending.title'),
    lead: t('pending.lead'),
    content: [
      providerLine(page.data?.provider),
      button(t('done'), () => go.act('CLOSE'), 'primary'),
      button(t('pending.look'), () => go.look(), 'secondary'),
    ],
  };
}

export function failed(page, go) {
  const again = wayOf(page, 'EDIT', 'RECONNECT');
  return {
    title: t('failed.title'),
    lead: t('failed.lead'),
    content: [
      providerLine(page.data?.provider),
      again && button(t('retry'), () => go.act(again), 'primary'),
      button(t('close'), () => go.act('CLOSE'), again ? 'secondary' : 'primary'),
    ],
    actions: again ? [again] : [],
  };
}

/** The leftover `complete_tariff`: the end, without an address to go to. */
export function complete(_, go) {
  return {
    title: t('complete.title'), lead: t('complete.lead'), content: [button(t('done'), () => go.home(), 'primary')],
  };
}
