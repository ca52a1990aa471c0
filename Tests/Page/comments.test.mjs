// Sources/ConnectPage/ScriptText.swift takes lines away that begin as comments do. So no line of a template literal may,
// and no other code may stand beside such a comment.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import { scripts } from './assets.mjs';

/** What a script consists of: `{kind, start, end}`, where the kind is `comment`, `template` (a part of one) or `code`. */
function partsOf(source) {
  const parts = [];
  /** The braces that are open in each place of a template literal that is open. */
  const depths = [];
  let last = '';
  const end = (pattern, from) => {
    pattern.lastIndex = from;
    const match = pattern.exec(source);
    assert.ok(match, `a literal at ${from} has no end`);
    return match.index + match[0].length;
  };
  const template = (from) => {
    const until = end(/(?:[^\\`$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y, from);
    parts.push({ kind: 'template', start: from, end: until });
    if (source[until - 1] === '{') depths.push(0);
    last = '`';
    return until;
  };
  for (let at = 0; at < source.length;) {
    const [one, two] = [source[at], source.slice(at, at + 2)];
    if (two === '//' || two === '/*') {
      const until = two === '//' ? end(/[^\n]*/y, at) : end(/[\s\S]*?\*\//y, at + 2);
      parts.push({ kind: 'comment', start: at, end: until });
      at = until;
    } else if (one === "'" || one === '"') {
      at = end(one === "'" ? /(?:[^\\'\n]|\\.)*'/y : /(?:[^\\"\n]|\\.)*"/y, at + 1);
      last = one;
    } else if (one === '`') {
      at = template(at + 1);
    } else if (one === '}' && depths.at(-1) === 0) {
      depths.pop();
      at = template(at + 1);
    } else if (one === '/' && /[(,=:[!&|?{};]|=>$/.test(last)) {
      at = end(/(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y, at + 1);
      last = '/';
    } else {
      if (depths.length > 0 && one === '{') depths[depths.length - 1] += 1;
      if (depths.length > 0 && one === '}') depths[depths.length - 1] -= 1;
      if (!/\s/.test(one)) {
        last = one;
        parts.push({ kind: 'code', start: at, end: at + 1 });
      }
      at += 1;
    }
  }
  assert.deepEqual(depths, [], 'a template literal is open');
  return parts;
}

test('lines that begin as comments do are comments, and nothing else', () => {
  for (const [name, source] of Object.entries(scripts)) {
    const parts = partsOf(source);
    assert.ok(parts.some(({ kind }) => kind === 'comment') && parts.some(({ kind }) => kind === 'code'), name);
    for (const { index } of source.matchAll(/(?<=^[ \t]*)\/[/*]/gm)) {
      const comment = parts.find(({ start }) => start === index);
      assert.equal(comment?.kind, 'comment', `${name}: ${source.slice(index, index + 40)}`);
      const lineEnd = source.indexOf('\n', comment.end);
      assert.equal(source.slice(comment.end, lineEnd).trim(), '', `${name}: code behind a comment`);
    }
  }
});

test('knows a comment from what looks like one', () => {
  const kinds = (source) => partsOf(source).filter(({ kind }) => kind !== 'code').map(({ kind, start, end }) => `${kind} ${source.slice(start, end)}`);
  assert.deepEqual(kinds("x = '// no';\n// yes\n"), ['comment // yes']);
  assert.deepEqual(kinds('x = `a\n// no ${y /* yes */ + `b`} c`;'), ['template a\n// no ${', 'comment /* yes */', 'template b`', 'template  c`']);
  assert.deepEqual(kinds('x = /[/]*\\//.test(y) / 2; // yes'), ['comment // yes']);
});
