// Numbers, money, dates and times as the customer writes and reads them. Whatever comes from outside may be absurd: what
// cannot be shown is an empty text, or a dash in place of a number.

import { has, locale, t } from './text.js';

/** A text from outside, in a length that a screen can hold. */
export function short(text, longest = 160) {
  const letters = Array.from(typeof text === 'string' ? text.trim().slice(0, 4 * longest) : '');
  return letters.length > longest ? `${letters.slice(0, longest).join('').trimEnd()}…` : letters.join('');
}

/** A name of Connect's that has no text, such as GREEN_BONUS, in words. */
export function wordsOf(name) {
  const words = short(name, 60).toLowerCase().replaceAll('_', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A list from outside, without what is no object. */
export const listOf = (value) =>
  (Array.isArray(value) ? value.filter((each) => each !== null && typeof each === 'object') : []);

// MARK: - Numbers

/**
 * Reads a number that has its decimals behind a comma or a point, whatever the locale.
 *
 * @returns NaN for everything else
 */
export function parseNumber(text) {
  // Also makes plain spaces and digits of their wide and unbreakable forms.
  const plain = String(text ?? '').normalize('NFKC').replace(/[\s'’]/g, '').replace('−', '-');
  const marks = [...new Set(plain.match(/[.,]/g))];
  const last = plain.at(Math.max(plain.lastIndexOf('.'), plain.lastIndexOf(',')));
  const [whole, ...decimals] = plain.split(last === '.' || last === ',' ? last : ' ');
  const grouped = /^-?\d{1,3}([.,]\d{3})+$/;
  if (marks.length === 2) {
    // The mark that comes last separates the decimals, the other one groups.
    return decimals.length === 1 && grouped.test(whole) && /^\d*$/.test(decimals[0])
      ? Number(`${whole.replace(/[.,]/g, '')}.${decimals[0]}`) : NaN;
  }
  if (decimals.length > 1) return grouped.test(plain) ? Number(plain.replace(/[.,]/g, '')) : NaN;
  return /^-?(\d+[.,]?\d*|[.,]\d+)$/.test(plain) ? Number(plain.replace(',', '.')) : NaN;
}

/** A number from outside; undefined where it is none, or too large to mean anything. */
export function finite(value) {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Math.abs(number) < 1e12 ? number : undefined;
}

export const numberText = (value, decimals = 2) => new Intl.NumberFormat(locale(), {
  maximumFractionDigits: decimals, numberingSystem: 'latn',
}).format(value);

/** A share as a percentage, such as 19 % for 0.19. */
export const percentText = (share) => new Intl.NumberFormat(locale(), {
  style: 'percent', maximumFractionDigits: 1, numberingSystem: 'latn',
}).format(share);

/** A number as a customer would type it. */
export const typedNumber = (value, decimals = 4) => new Intl.NumberFormat(locale(), {
  maximumFractionDigits: decimals, useGrouping: false, numberingSystem: 'latn',
}).format(value);

// MARK: - Money
//
// Flatpeak speaks major units per kWh (0.2345 GBP), customers think in minor ones (23.45 p).

/** Minor units that are called the same in every language; those that are not are texts. */
const minorUnits = {
  AUD: 'c', BGN: 'st.', CAD: '¢', DKK: 'øre', NOK: 'øre', NZD: 'c', PLN: 'gr', RON: 'bani', SEK: 'öre', SGD: '¢',
  USD: '¢', ZAR: 'c',
};

/**
 * The unit in which rates of a currency are shown.
 *
 * @returns `name`, empty where the currency is not known; `perMajor`, how many make one of the currency; `decimals`, how
 *   many a rate in this unit has at most
 */
export function unitOf(currency) {
  const code = typeof currency === 'string' ? currency.trim().toUpperCase() : '';
  if (!/^[A-Z]{3}$/.test(code)) return { name: '', perMajor: 1, decimals: 6 };
  const format = new Intl.NumberFormat(locale(), {
    style: 'currency', currency: code, currencyDisplay: 'narrowSymbol', numberingSystem: 'latn',
  });
  const digits = format.resolvedOptions().maximumFractionDigits;
  const name = has(`minor.${code}`) ? t(`minor.${code}`) : minorUnits[code];
  if (digits > 0 && name) return { name, perMajor: 10 ** digits, decimals: 4 };
  const symbol = format.formatToParts(0).find((part) => part.type === 'currency')?.value ?? code;
  return { name: symbol, perMajor: 1, decimals: digits + 4 };
}

/** The unit of a rate: `p/kWh`. */
export const perKWh = (currency) => {
  const { name } = unitOf(currency);
  return name ? `${name}/kWh` : t('perKWh');
};

/** A rate as text, without its unit. */
export function rateText(major, currency, decimals = 2) {
  const value = finite(major);
  if (value === undefined) return '–';
  const unit = unitOf(currency);
  // A major unit needs the decimals that a minor one would have shown.
  return numberText(value * unit.perMajor, unit.perMajor === 1 ? Math.max(decimals, unit.decimals) : decimals);
}

/** A rate in the unit that is shown, as major units with as many decimals as a rate may have (upstream.md §4.4). */
export function toMajor(shown, currency) {
  const { perMajor, decimals } = unitOf(currency);
  return Number((shown / perMajor).toFixed(Math.round(Math.log10(perMajor)) + decimals));
}

// MARK: - Days and times

/**
 * The calendar day of a timestamp, as 2026-11-23; empty where there is none, such as for Go's zero date.
 *
 * Contract dates are days: midnight in any zone is that day. The reference web app sends local midnight in UTC
 * (upstream.md §4.4), so another time of day counts in the customer's own zone.
 */
export function dayOf(text) {
  const [, day, time, zone] =
    /^\s*(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?\s*$/i.exec(text ?? '') ?? [];
  if (!day) return '';
  const instant = new Date(time && zone && time !== '00:00' ? text.trim() : `${day}T00:00:00Z`);
  if (Number.isNaN(instant.getTime()) || instant.getUTCFullYear() < 1900) return '';
  if (!time || !zone || time === '00:00') return day;
  const two = (number) => String(number).padStart(2, '0');
  return `${instant.getFullYear()}-${two(instant.getMonth() + 1)}-${two(instant.getDate())}`;
}

/** A calendar day as Flatpeak takes it; null for none. */
export const dayMoment = (day) => (day ? `${day}T00:00:00Z` : null);

/** A timestamp's calendar day in words; empty where there is none. */
export function dateText(text) {
  const day = dayOf(text);
  return day && new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(day));
}

/** The hours and minutes of `7:00`, `07:00` or `07:00:00`, as 07:00; undefined where it is no time of day. */
export function timeOf(text) {
  const [, hours, minutes] = /^\s*(\d{1,2}):(\d\d)(?::\d\d(?:\.\d+)?)?\s*$/.exec(text ?? '') ?? [];
  if (hours === undefined || Number(minutes) > 59 || Number(hours) > 24) return undefined;
  return `${String(Number(hours) % 24).padStart(2, '0')}:${minutes}`;
}

/** A time of day in the customer's notation: 07:00 or 7:00 AM. */
export function timeText(time) {
  const [hours, minutes] = (timeOf(time) ?? '00:00').split(':').map(Number);
  return new Intl.DateTimeFormat(locale(), { timeStyle: 'short', timeZone: 'UTC' })
    .format(Date.UTC(2024, 0, 1, hours, minutes));
}

/** A full hour in few letters, as the locale writes it: 06:00 or 6 AM. */
export function hourText(time) {
  const format = new Intl.DateTimeFormat(locale(), { hour: 'numeric', timeZone: 'UTC' });
  const [hours] = time.split(':').map(Number);
  return format.resolvedOptions().hour12 ? format.format(Date.UTC(2024, 0, 1, hours)) : timeText(time);
}

/**
 * The wall clock of a place, by the offsets that its own timestamps have: `2026-11-23T00:00:00+01:00`. They differ on
 * days on which the clock changes.
 *
 * @param rows rows in order with `from` in milliseconds and `offset` in minutes
 * @returns a function from a moment to its time of day there, as 07:00
 */
export const clockOfRows = (rows) => (moment) => {
  const row = rows.findLast((each) => each.from <= moment) ?? rows[0];
  return new Date(moment + (row?.offset ?? 0) * 60_000).toISOString().slice(11, 16);
};

/** The offset of a timestamp from UTC in minutes. */
export function offsetOf(timestamp) {
  const [, sign, hours, minutes] = /([+-])(\d\d):?(\d\d)$/.exec(timestamp ?? '') ?? [null, '+', 0, 0];
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

/** The short name of a month, from 1. */
export const monthName = (month) =>
  new Intl.DateTimeFormat(locale(), { month: 'short', timeZone: 'UTC' }).format(Date.UTC(2024, month - 1, 15));

/** The name of a day of the week, from 1, which is Monday. */
export const weekdayName = (day, weekday = 'short') =>
  new Intl.DateTimeFormat(locale(), { weekday, timeZone: 'UTC' }).format(Date.UTC(2024, 0, day));
