import assert from 'node:assert/strict';
import {mkdtempSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {Profile, Refusal} from '../src/index.js';

test('the key is made once, for its user alone', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mecai-'));
  t.after(() => rmSync(folder, {recursive: true}));
  const {key} = new Profile(join(folder, 'a'));
  assert.equal(key.length, 32);
  assert.deepEqual(new Profile(join(folder, 'a')).key, key);
  assert.equal(statSync(join(folder, 'a', 'selection.key')).mode & 0o777, 0o600);
  assert.notDeepEqual(new Profile(join(folder, 'b')).key, key);
});

test('a key of another length is no key', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mecai-'));
  t.after(() => rmSync(folder, {recursive: true}));
  writeFileSync(join(folder, 'selection.key'), 'short');
  assert.throws(() => new Profile(folder), /5 octets, expected 32/);
});

test('what is no directory is refused, and nothing is stored', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mecai-'));
  t.after(() => rmSync(folder, {recursive: true}));
  const profile = new Profile(folder);
  assert.throws(
    () => profile.accept(Buffer.from('no DER'), ['00']),
    (error) => error instanceof Refusal && error.code === 'malformed' && error.rule === 'D1',
  );
  assert.throws(() => readFileSync(join(folder, 'directories.json')), {code: 'ENOENT'});
});

/** A record whose forms are right, with changes. */
const stored = (changes) =>
  JSON.stringify({firstPins: [], pins: [], highest: {GOO: {sequence: 7, content: '0'.repeat(64)}}, last: {}, ...changes});
const DAMAGED = {
  nothing: '',
  'half of it': stored({}).slice(0, 60),
  null: 'null',
  'an empty object': '{}',
  'no sequence': stored({highest: {GOO: {content: '0'.repeat(64)}}}),
  'a sequence that is a text': stored({highest: {GOO: {sequence: '7', content: '0'.repeat(64)}}}),
  'a context without record': stored({highest: {GOO: null}}),
  'a pin that is none': stored({pins: ['00']}),
  'other hashes': stored({last: {GOO: 7}}),
};

for (const [what, text] of Object.entries(DAMAGED)) {
  test(`a damaged record is named, and forgets nothing: ${what}`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'mecai-'));
    t.after(() => rmSync(folder, {recursive: true}));
    const profile = new Profile(folder);
    writeFileSync(join(folder, 'directories.json'), text);
    assert.throws(() => profile.accept(Buffer.from('no DER'), ['00']), /directories.json: is no record/);
    assert.equal(readFileSync(join(folder, 'directories.json')).toString(), text);
  });
}

test('a record that is whole is gone by', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mecai-'));
  t.after(() => rmSync(folder, {recursive: true}));
  writeFileSync(join(folder, 'directories.json'), stored({}));
  assert.throws(() => new Profile(folder).accept(Buffer.from('no DER'), ['00']), {code: 'malformed'});
});
