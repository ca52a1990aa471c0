// The texts of the page in the customer's language, and the locale of its numbers and dates.
//
// A dictionary is a flat object of strings with `{name}` places. A text that depends on a number is an object by plural
// category, such as `{one, other}`, and chooses by the value `count`.

/** Languages with a dictionary, each with the locale for a browser that names no region. */
const languages = { en: 'en-GB', de: 'de-DE', fr: 'fr-FR', nl: 'nl-NL' };

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
  ({ default: dictionary } = await import(`./text-${language}.js`));
  currentLocale = localeOf(language);
  plurals = new Intl.PluralRules(currentLocale);
  return language;
}

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
