// The page's scripts as modules, for every version of Node: before 20.19 it takes a file named .js for a module only
// beside a package.json.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const repository = new URL('../../', import.meta.url);
const assets = new URL('Sources/ConnectPage/Assets/', repository);

function copyOf(folder) {
  const copy = mkdtempSync(join(tmpdir(), 'connect-page-assets-'));
  process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
  cpSync(fileURLToPath(folder), copy, { recursive: true });
  writeFileSync(join(copy, 'package.json'), '{"type":"module"}');
  return copy;
}

const copy = copyOf(assets);

/** A module of the page, the same one each time, with those that it imports. */
export const load = (name) => import(pathToFileURL(join(copy, name)).href);

/** A module of the demo app, with those that it imports from its own folder. */
export function loadDemo(name) {
  demo ??= copyOf(new URL('Sources/connect-bff/Dev/Page/', repository));
  for (const file of readdirSync(demo).filter((each) => each.endsWith('.js'))) {
    const text = readFileSync(join(demo, file), 'utf8');
    writeFileSync(join(demo, file), text
      .replaceAll("from '/page/", "from './")
      .replaceAll("from '/connect/assets/current/", `from '${pathToFileURL(copy).href}/`));
  }
  return import(pathToFileURL(join(demo, name)).href);
}
let demo;

/** The scripts of the page by name. */
export const scripts = Object.fromEntries(readdirSync(assets).filter((name) => name.endsWith('.js'))
  .map((name) => [name, readFileSync(new URL(name, assets), 'utf8')]));

export const languages = ['en', 'de', 'fr', 'nl'];

const { withShared } = await load('text.js');

/** The dictionaries by language, as they are written. */
export const dictionaries = Object.fromEntries(await Promise.all(languages
  .map(async (language) => [language, (await load(`text-${language}.js`)).default])));

/** The texts by language. */
export const texts = Object.fromEntries(languages.map((language) => [language, withShared(dictionaries[language])]));

/** Makes the browser one that prefers these locales, and loads the texts of a language. */
export async function speak(language, ...locales) {
  Object.defineProperty(globalThis, 'navigator', { value: { languages: locales }, configurable: true });
  const { use } = await load('text.js');
  return use(language);
}
