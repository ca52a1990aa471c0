// The texts of the page in the customer's language, and the locale of its numbers and dates.
//
// A dictionary is a flat object of strings with `{name}` places. A text that depends on a number is an object by plural
// category, such as `{one, other}`, and chooses by the value `count`.
//
// The service reads dictionaries, too, for the pages that it makes itself: one line a text, in single quotes or, with the
// constants above it, in backquotes. `Tests/Page/texts.test.mjs` proves it.

/** Languages with a dictionary, each with the locale for a browser that names no region. */
const languages = { en: 'en-GB', de: 'de-DE', fr: 'fr-FR', nl: 'nl-NL' };

/** The errors that have a sentence in common, by its name: all that a customer can do about them is the same. */
export const shared = {
  address: ['geo_location_not_found', 'timezone_not_found'],
  away: ['upstream_failed', 'upstream_invalid_answer', 'upstream_unavailable', 'upstream_unreachable'],
  busy: ['not_ready', 'overloaded', 'rate_limit', 'store_unavailable', 'upstream_limited'],
  choice: ['action_missing', 'market_region_invalid', 'option_invalid', 'provider_id_missing', 'tariff_id_missing'],
  expired_link: ['connect_token_expired', 'ticket_expired'],
  opening: [
    'content_type_unsupported', 'field_invalid', 'field_unknown', 'header_malformed', 'headers_too_large',
    'json_malformed', 'method_not_allowed', 'method_unknown', 'not_found', 'origin_not_allowed', 'target_too_long',
  ],
  ours: [
    'api_version_not_supported', 'internal_error', 'loop_detected', 'unexpected_error', 'upstream_blocked',
    'upstream_credentials_refused', 'upstream_mode_differs',
  ],
  price: ['cost_value_negative', 'cost_value_zero'],
  unknown_link: ['connect_token_missing', 'connect_token_not_found', 'connect_token_unknown', 'ticket_unknown'],
  used_link: ['connect_token_used', 'ticket_used'],
};

let dictionary = {};
let currentLocale = languages.en;
let plurals = new Intl.PluralRules(currentLocale);

/**
 * Loads the dictionary of a language tag such as `de` or `de-AT`; English for a language without one.
 *
 * @returns the language that is in use, such as `de`
 */
export async function use(tag) {
  const wanted = baseOf(tag);
  const language = Object.hasOwn(languages, wanted) ? wanted : 'en';
  dictionary = withShared((await import(`./text-${language}.js`)).default);
  currentLocale = localeOf(language);
  plurals = new Intl.PluralRules(currentLocale);
  return language;
}

/** A dictionary in which each error has its text. */
export const withShared = (texts) => ({
  ...texts,
  ...Object.fromEntries(Object.entries(shared)
    .flatMap(([name, codes]) => codes.map((code) => [`error.${code}`, texts[`shared.${name}`]]))),
});

/** The BCP 47 tag for `Intl`: the browser's own variant of the language in use, where it has one. */
export const locale = () => currentLocale;

/** Whether the dictionary in use has a text. */
export const has = (key) => Object.hasOwn(dictionary, key);

/** A text with its places filled in; numbers are written as the locale writes them. */
export function t(key, values = {}) {
  let text = has(key) ? dictionary[key] : key;
  if (typeof text === 'object') text = text[plurals.select(values.count)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name] ?? '';
    return typeof value === 'number' ? new Intl.NumberFormat(currentLocale).format(value) : value;
  });
}

/** What a customer reads about a failed call: our words for its code, else Flatpeak's, which it was asked in this language. */
export function errorText({ code, message } = {}) {
  if (has(`error.${code}`)) return t(`error.${code}`);
  const words = typeof message === 'string' ? message.trim().slice(0, 500) : '';
  return words || t('error.unexpected_error');
}

const baseOf = (tag) => String(tag ?? '').toLowerCase().split(/[-_]/)[0];

function localeOf(language) {
  const preferred = globalThis.navigator?.languages ?? [];
  return preferred.find((tag) => baseOf(tag) === language && isLocale(tag)) ?? languages[language];
}

function isLocale(tag) {
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}
