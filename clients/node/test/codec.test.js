import assert from 'node:assert/strict';
import {test} from 'node:test';
import {Unreadable} from '../src/refusal.js';
import {encode, read} from '../src/codec/der.js';
import {readJson} from '../src/codec/json.js';
import {momentOf} from '../src/codec/leaves.js';
import {readAnswer, readChoice} from '../src/codec/tls.js';
import {ANY, BIT_STRING, BOOLEAN, INTEGER, OID, SECONDS, integer, readAs, sequence, setOf} from '../src/codec/types.js';

const octets = (hexadecimal) => Buffer.from(hexadecimal.replaceAll(' ', ''), 'hex');
const unreadable = (work) => assert.throws(work, Unreadable);

test('headers are DER alone', () => {
  assert.equal(read(octets('02 01 05')).tag, 'u2');
  assert.equal(read(octets('bf 7f 00')).tag, 'c127');
  for (const bad of [
    '',
    '02',
    '02 02 05',
    '02 01 05 00',
    '02 81 01 05',
    '02 82 00 01 05',
    '30 80 00 00',
    '30 ff',
    'bf 1e 00',
    'bf 81 00 00',
    '02 85 00',
  ]) {
    unreadable(() => read(octets(bad)));
  }
  const long = encode(0x04, Buffer.alloc(300));
  assert.equal(read(long).content.length, 300);
  assert.deepEqual([...long.subarray(0, 4)], [0x04, 0x82, 0x01, 0x2c]);
});

test('leaves are DER alone', () => {
  assert.equal(readAs(INTEGER, octets('02 02 00 80')), 128n);
  assert.equal(readAs(INTEGER, octets('02 02 ff 7f')), -129n);
  assert.equal(readAs(OID, octets('06 06 2a 86 48 86 f7 0d')), '1.2.840.113549');
  assert.equal(readAs(OID, octets('06 02 88 37')), '2.999');
  assert.equal(
    readAs(OID, octets('06 14 69 83ffffffffffffffffffffffffffffffffff7f')),
    '2.25.340282366920938463463374607431768211455',
  );
  assert.equal(readAs(OID, encode(0x06, Buffer.concat([Buffer.alloc(60_000, 255), Buffer.from([1])]))).length, 120_004);
  for (const bad of ['02 00', '02 02 00 7f', '02 02 ff 80', '22 03 02 01 05', '01 01 05'])
    unreadable(() => readAs(ANY, octets(bad)));
  for (const bad of ['06 00', '06 02 80 01', '06 01 80', '03 00', '03 02 08 00', '03 02 01 01', '03 01 01', '05 01 00'])
    unreadable(() => readAs(ANY, octets(bad)));
  assert.deepEqual([...readAs(BIT_STRING, octets('03 02 01 fe')).bits], [0xfe]);
  assert.equal(readAs(BOOLEAN, octets('01 01 ff')), true);
});

test('times name a moment that there is', () => {
  const time = (text) => encode(0x18, Buffer.from(text));
  assert.equal(readAs(SECONDS, time('20260302120000Z')), 1772452800);
  for (const bad of [
    '20260230120000Z',
    '00000101000000Z',
    '20260302120060Z',
    '20260302120000',
    '20260302120000.5Z',
    '202603021200Z',
  ]) {
    unreadable(() => readAs(SECONDS, time(bad)));
  }
  assert.equal(momentOf('2026-02-29T00:00:00Z'), null);
  assert.equal(momentOf('2024-02-29T00:00:00Z'), 1709164800);
});

test('structures have their members, in their order', () => {
  const pair = sequence({a: integer(0, 9), b: BOOLEAN});
  assert.deepEqual(readAs(pair, octets('30 06 02 01 05 01 01 ff')), {a: 5, b: true});
  for (const bad of [
    '30 03 02 01 05',
    '30 06 01 01 ff 02 01 05',
    '30 09 02 01 05 01 01 ff 02 01 05',
    '30 06 02 01 0a 01 01 ff',
  ])
    unreadable(() => readAs(pair, octets(bad)));
  assert.deepEqual(readAs(setOf(INTEGER), octets('31 06 02 01 01 02 01 02')), [1n, 2n]);
  unreadable(() => readAs(setOf(INTEGER), octets('31 06 02 01 02 02 01 01')));
});

test('values that lie deep in each other end in an answer', () => {
  let deep = Buffer.from([5, 0]);
  for (let at = 0; at < 20_000; at += 1) deep = encode(0x30, deep);
  assert.equal(readAs(ANY, deep).tag, 'u16');
});

test('JSON is RFC 8259, with no member twice and no integer in disguise', () => {
  const json = (text) => readJson(Buffer.from(text));
  assert.deepEqual(json('{"a": [1, 1.5, "\\u00e9"], "__proto__": null}').a, [1, 1.5, 'é']);
  assert.deepEqual(json('{"a": 7.0, "b": 7e0, "c": 7}'), {a: null, b: null, c: 7});
  for (const bad of [
    '{"a": 1, "a": 2}',
    '{"a": {"b": 1, "\\u0062": 2}}',
    '\ufeff{}',
    '{} x',
    "{'a': 1}",
    '[1,]',
    '01',
    'NaN',
    '{"a": 1 // x\n}',
    '"\n"',
  ])
    unreadable(() => json(bad));
  unreadable(() => readJson(Buffer.from([0x22, 0xff, 0x22])));
  unreadable(() => json('['.repeat(200_000)));
});

test('the extensions of section 5', () => {
  const choice = '01 01 08 0011223344556677 04 03 4d4f5a 0000';
  assert.deepEqual(readChoice(octets(choice)), {
    quorum: 1,
    candidates: ['0011223344556677'],
    contexts: ['MOZ'],
    cached: [],
  });
  assert.equal(readChoice(octets('')), null);
  assert.equal(readChoice(octets('02')), null);
  assert.throws(() => readChoice(octets(`${choice} 00`)), {code: 'decode_error', rule: 'T4'});
  assert.throws(() => readChoice(octets(choice.replace('01 01', '01 02'))), {code: 'illegal_parameter'});
  assert.throws(() => readChoice(octets('01 01 08 0011223344556677 04 03 6d6f7a 0000')), {code: 'illegal_parameter'});
  assert.deepEqual(
    readAnswer(octets('0006 0001 aa 0001 bb')).map((one) => one[0]),
    [0xaa, 0xbb],
  );
  assert.throws(() => readAnswer(octets('0002 0000')), {code: 'decode_error'});
});
