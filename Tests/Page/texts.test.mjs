// The texts of the page: complete, used, and alike in all languages.  node --test Tests/Page/

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { dictionaries, languages, load, repository, scripts, speak, texts } from './assets.mjs';

const read = (path) => readFileSync(new URL(path, repository), 'utf8');
const others = languages.filter((language) => language !== 'en');
const keys = Object.keys(dictionaries.en);
/** With those of errors that share a sentence. */
const all = Object.keys(texts.en);
const { shared } = await load('text.js');
const code = Object.entries(scripts).filter(([name]) => !name.startsWith('text-')).map(([, text]) => text).join('\n');

/** Every form of a text: one, or one for each plural category. */
const formsOf = (text) => (typeof text === 'string' ? [text] : Object.values(text));
const placesOf = (text) => [...new Set(formsOf(text).flatMap((form) => form.match(/\{\w+\}/g) ?? []))].sort();
const everyForm = () => languages.flatMap((language) => Object.entries(texts[language])
  .flatMap(([key, text]) => formsOf(text).map((form) => ({ language, key, form }))));

test('all languages have the same texts, in the same order', () => {
  for (const language of others) assert.deepEqual(Object.keys(dictionaries[language]), keys, language);
});

test('a sentence that errors share is in the dictionary, and their own is not', () => {
  const names = keys.filter((key) => key.startsWith('shared.')).map((key) => key.slice('shared.'.length));
  assert.deepEqual(names, Object.keys(shared));
  const codes = Object.values(shared).flat();
  assert.equal(new Set(codes).size, codes.length, 'a code has one sentence');
  assert.deepEqual(codes.filter((each) => keys.includes(`error.${each}`)), []);
  for (const language of languages) {
    for (const each of codes) assert.equal(typeof texts[language][`error.${each}`], 'string', `${language} ${each}`);
  }
});

// MARK: - What the service reads

/** The texts of a dictionary as `Sources/ConnectPage/PageTexts.swift` reads them. */
function readByTheService(language) {
  const constants = {};
  const read = {};
  for (const line of scripts[`text-${language}.js`].split('\n')) {
    const constant = /^const (\w+) = '([^']*)';$/.exec(line);
    const text = /^ {2}'?([\w.]+)'?: (['`])(.*)\2,$/.exec(line);
    if (constant) constants[constant[1]] = constant[2];
    if (text) read[text[1]] = text[3].replace(/\$\{(\w+)\}/g, (_, name) => constants[name]);
  }
  return read;
}

test('the service reads each text as scripts do', () => {
  for (const language of languages) {
    const strings = Object.entries(dictionaries[language]).filter(([, text]) => typeof text === 'string');
    assert.deepEqual(readByTheService(language), Object.fromEntries(strings), language);
  }
});

/** The keys of the pages that the service makes itself. */
const served = [...read('Sources/ConnectPage/MessagePages.swift').matchAll(/"([a-z_]+(?:\.[a-z_]+)*)"/g)]
  .map(([, quoted]) => quoted).filter((quoted) => keys.includes(quoted) || /^(app|ended|error|failure|shared)\./.test(quoted));

test('every text of the pages that the service makes is in the dictionary', () => {
  assert.ok(served.length > 15, 'the service has texts');
  assert.deepEqual(served.filter((key) => typeof dictionaries.en[key] !== 'string'), []);
});

// MARK: - Used and there

const kinds = ['FIXED', 'TIME_OF_DAY', 'MARKET', 'DYNAMIC', 'STATIC', 'ADVANCED'];
const subjects = ['provider', 'structure', 'fixed', 'tod'];

/** Keys that are put together: each template, and what its place can be. Those of errors have a test of their own. */
const composed = {
  '${key}.title': subjects,
  '${key}.title.export': subjects,
  '${key}.title.other': subjects,
  '${key}.label': ['provider_name', 'tariff_name'],
  'structure.${kind}': kinds,
  'structure.${kind}.text': kinds,
  'source.${type}': ['DIRECT', 'LIBRARY', 'MANUAL', 'MARKET'],
  'action.${action}': [
    'ADDRESS_CHANGE', 'BACK', 'CANCEL_ISSUE_REPORT', 'CHANGE', 'CLOSE', 'CONTINUE', 'CREATE_ISSUE_REPORT',
    'DISCONNECT', 'EDIT', 'PROVIDER_MISSING', 'RECONNECT', 'RETRY', 'TARIFF_MISSING', 'UPDATE_ISSUE_REPORT',
    'WRONG_TARIFF', 'WRONG_TARIFF_REPORT',
  ],
  'minor.${code}': ['CHF', 'EUR', 'GBP'],
  'region.${region}': ['CORS', 'FR'],
  'status.${status}': ['ERROR', 'ERROR_REPORTED', 'PENDING'],
  'summary.${name}': ['status', 'tariff', 'structure', 'rate', 'source', 'starts', 'ends', 'vat'],
  'advanced.${kind}': ['months', 'days'],
  'advanced.${problem}': ['missing', 'twice', 'times'],
  'advanced.none.${kind}': ['months', 'days'],
  'failure.${titleOf(code)}': [
    'offline', 'unreachable', 'slow', 'torn', 'limited', 'busy', 'general', 'ticket_used', 'ticket_unknown',
    'ticket_expired', 'session_used', 'session_expired', 'finish',
  ],
};

/** The first argument of each call of `t` and `has`. */
function* firstArguments() {
  for (const { index, 0: call } of code.matchAll(/\b(?:t|has)\(/g)) {
    const start = index + call.length;
    let depth = 0;
    let quote;
    let end = start;
    for (; depth > 0 || quote || !/[,)]/.test(code[end]); end += 1) {
      const letter = code[end];
      if (quote) quote = letter === quote ? undefined : quote;
      else if (/['"`]/.test(letter)) quote = letter;
      else if (/[([{]/.test(letter)) depth += 1;
      else if (/[)\]}]/.test(letter)) depth -= 1;
    }
    yield code.slice(start, end);
  }
}

/** Keys as they are, and as templates. */
function uses() {
  const literal = new Set();
  const templates = new Set();
  for (const argument of firstArguments()) {
    for (const [, quoted] of argument.matchAll(/'([\w.]+)'/g)) literal.add(quoted);
    for (const [, template] of argument.matchAll(/`([^`]+)`/g)) templates.add(template);
  }
  return { literal, templates };
}

test('every text that a script asks for exists, and every text is asked for', () => {
  const { literal, templates } = uses();
  const used = new Set();
  // A word in a call that is no key is a value, such as CA or months; keys that have a point never are.
  for (const key of literal) {
    if (key.includes('.')) assert.ok(all.includes(key), `${key} is asked for`);
    if (keys.includes(key)) used.add(key);
  }
  for (const template of templates) {
    if (template.startsWith('error.')) continue;
    assert.ok(Object.hasOwn(composed, template), `${template} has to be listed`);
    for (const value of composed[template]) {
      const key = template.replace(/\$\{.+?\}/, value);
      assert.ok(keys.includes(key), `${key} is asked for`);
      used.add(key);
    }
  }
  for (const key of [...served, ...Object.keys(shared).map((name) => `shared.${name}`)]) used.add(key);
  assert.deepEqual(Object.keys(composed).filter((each) => !templates.has(each)), [], 'listed and not asked for');
  assert.deepEqual(keys.filter((key) => !used.has(key) && !key.startsWith('error.')), [], 'not asked for');
});

test('a word of Connect that has a text is one that Connect can send', () => {
  const facts = read('docs/upstream.md');
  for (const [, word] of keys.map((key) => /^(?:action|structure|source)\.([A-Z_]+)$/.exec(key)).filter(Boolean)) {
    // Screens can ask for BACK and CLOSE; CONTINUE is what the sandbox's unknown page has.
    assert.ok(facts.includes(word) || word === 'CONTINUE', word);
  }
});

// MARK: - Errors

/** Codes of the service that the page cannot meet, because it makes no call that answers with them. */
const elsewhere = [
  // Apps mint, read and subscribe; the page does not.
  'unauthenticated', 'identity_unavailable', 'idempotency_in_progress', 'idempotency_key_reused', 'no_tariff_connected',
  'pending_connect', 'no_price_data', 'writes_not_allowed', 'write_outcome_unknown',
  // Flatpeak's webhooks.
  'signature_invalid', 'delivery_uncheckable',
  // In the log alone.
  'client_closed',
  // Of an app's own calls.
  'confirmation_required', 'confirmation_code_unknown', 'confirmation_code_used', 'confirmation_code_expired',
  'session_foreign', 'postal_address_required',
];

/** Codes of Connect's pages that come from elsewhere than section 4.4 of the wire facts, with their source. */
const ofConnect = {
  data_json_invalid: '§4.4', account_disabled: '§7', rate_limit: 'sandbox', route_invalid: 'sandbox',
  connect_token_not_found: 'sandbox', provider_unavailable: 'sandbox',
};

test('each error of Connect and of the service has words for the customer', () => {
  const [, listed] = /\n {4}ErrorCode:[\s\S]*?enum:\n((?: {8}- \w+\n)+)/.exec(read('openapi.yaml'));
  const ours = listed.match(/\w+/g);
  assert.ok(ours.length > 40, 'the contract lists the codes');
  const [, pages] = /### 4\.4 Routes([\s\S]*?)### 4\.5/.exec(read('docs/upstream.md'));
  const theirs = pages.match(/`\w+_(?:missing|invalid|not_found|zero|negative|time_period|not_supported)`/g)
    .map((each) => each.slice(1, -1));
  assert.ok(theirs.length > 25, 'the wire facts list the codes');
  const expected = [...ours.filter((each) => !elsewhere.includes(each)), ...theirs, ...Object.keys(ofConnect)];
  assert.deepEqual(expected.filter((each) => !all.includes(`error.${each}`)), []);
  const known = new Set(expected);
  const extra = all.filter((key) => key.startsWith('error.')).map((key) => key.slice('error.'.length))
    .filter((each) => !known.has(each) && !code.includes(`'${each}'`));
  assert.deepEqual(extra, [], 'errors that nothing gives');
});

test('an error is shown in our words, else in those of Flatpeak, else in general ones', async () => {
  await speak('de');
  const { errorText } = await load('text.js');
  assert.equal(errorText({ code: 'city_missing', message: 'City is required' }), texts.de['error.city_missing']);
  assert.equal(errorText({ code: 'new_code', message: ' Etwas Neues ' }), 'Etwas Neues');
  for (const odd of [{}, { code: null }, { code: 'x', message: ' ' }, { code: {}, message: 7 }, { code: '__proto__' }, undefined]) {
    assert.equal(errorText(odd), texts.de['error.unexpected_error']);
  }
  assert.equal(errorText({ code: 'x', message: 'm'.repeat(5000) }).length, 500);
});

// MARK: - Alike

test('places and plurals agree between the languages', () => {
  for (const key of keys) {
    for (const language of others) {
      assert.deepEqual(placesOf(texts[language][key]), placesOf(texts.en[key]), `${language} ${key}`);
      assert.equal(typeof texts[language][key], typeof texts.en[key], `${language} ${key}`);
    }
    if (typeof texts.en[key] === 'string') continue;
    for (const language of languages) {
      assert.deepEqual(Object.keys(texts[language][key]), ['one', 'other'], `${language} ${key}`);
      for (const form of formsOf(texts[language][key])) assert.ok(form.includes('{count}'), `${language} ${key}`);
    }
  }
});

test('no text is so long that its place was made for another one', () => {
  const long = everyForm().filter(({ language, key, form }) => language !== 'en'
    && form.length > 1.6 * Math.max(...formsOf(texts.en[key]).map((each) => each.length)) + 20);
  assert.deepEqual(long.map(({ language, key, form }) => `${language} ${key}: ${form}`), []);
});

test('texts are written with care', () => {
  const familiar = {
    de: /\b(du|dein\w*|dir|dich)\b/i, fr: /(?<![\p{L}’])(tu|toi|ton|ta|tes)(?!\p{L})/iu, nl: /\b(je|jij|jou|jouw)\b/i,
  };
  for (const { language, key, form } of everyForm()) {
    const where = `${language} ${key}: ${form}`;
    assert.equal(form, form.trim(), where);
    assert.ok(form.length > 0, where);
    assert.doesNotMatch(form, /['"]| {2}|\.\.\./, `typewriter's marks in ${where}`);
    assert.doesNotMatch(form, familiar[language] ?? /$^/, `familiar form in ${where}`);
    if (language === 'fr') assert.doesNotMatch(form, /(?<!\u00a0)[?!:;»]|«(?!\u00a0)/, `a space that breaks in ${where}`);
    else assert.doesNotMatch(form, /[\u00a0\u202f]/, where);
  }
});

test('no text is left in English', () => {
  // Names, and words that are the same.
  const alike = /^(minor\.\w+|perKWh|privacy|advanced\.contract|advanced\.weekend|region\.CORS|summary\.structure|summary\.source|surcharge\.percentage)$/;
  for (const language of others) {
    const same = keys.filter((key) => !alike.test(key) && formsOf(texts[language][key]).join() === formsOf(texts.en[key]).join());
    assert.deepEqual(same, [], language);
  }
});

// MARK: - How they are chosen and filled

test('chooses the language of a tag, and English where there is none', async () => {
  for (const [tag, language] of [
    ['de', 'de'], ['de-AT', 'de'], ['FR_ca', 'fr'], ['nl-BE', 'nl'], ['en-US', 'en'], ['it', 'en'], ['', 'en'],
    [undefined, 'en'], ['constructor', 'en'], ['../x', 'en'], [{}, 'en'],
  ]) assert.equal(await speak(tag), language, String(tag));
});

test('numbers and dates are those of the browser’s own variant of the language', async () => {
  const { locale } = await load('text.js');
  await speak('de', 'en-US', 'de-CH', 'de-DE');
  assert.equal(locale(), 'de-CH');
  await speak('de', 'en-US', 'fr');
  assert.equal(locale(), 'de-DE');
  await speak('en', 'de-DE', 'en_broken', 'en-US');
  assert.equal(locale(), 'en-US');
});

test('fills places, counts, and survives what is missing', async () => {
  const { t } = await load('text.js');
  await speak('en');
  assert.equal(t('search.count', { count: 1 }), '1 result');
  assert.equal(t('search.count', { count: 12345 }), '12,345 results');
  assert.equal(t('login.title', { provider: '{count} $& <b>' }), 'Continue to {count} $& <b>');
  assert.equal(t('login.title'), 'Continue to ');
  assert.equal(t('no.such.text'), 'no.such.text');
  await speak('fr');
  assert.equal(t('search.count', { count: 0 }), '0 résultat');
  assert.match(t('search.count', { count: 2_000_000 }), /résultats$/);
  await speak('de');
  assert.equal(t('retry.in', { count: 1 }), 'In 1 Sekunde noch einmal');
  assert.equal(t('search.count', { count: 12345 }), '12.345 Treffer');
});
