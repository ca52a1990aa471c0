// The screens of Connect's pages as the page has them, drawn with fake elements.

import { load, texts } from './assets.mjs';
import { Screen } from './fake-elements.mjs';

const { screens: entries, anyScreen, labelOf } = await load('screens.js');

export { anyScreen, labelOf };

/** What draws each page, also where its script is loaded when it is needed. */
export const screens = Object.fromEntries(await Promise.all(Object.entries(entries)
  .map(async ([route, entry]) => [route, entry.load ? (await entry.load())[entry.name] : entry])));

export const open = (route, data, more) => new Screen(screens[route], {
  route, direction: 'IMPORT', type: 'COMMODITY', actions: ['BACK', 'CLOSE'], data, ...more,
});

/** A page whose members are beside its envelope, as BUSBAR's summary has them. */
export const openFlat = (route, members) => new Screen(screens[route], {
  route, actions: ['BACK', 'CLOSE'], data: {}, ...members,
});

/** An English text. */
export const text = (key) => texts.en[key];

/** A price of a summary. */
export const row = (from, to, cost, confidence = 1) => ({ valid_from: from, valid_to: to, tariff: { cost, confidence } });
