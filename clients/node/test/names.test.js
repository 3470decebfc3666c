import assert from 'node:assert/strict';
import {test} from 'node:test';
import {addressOf, addressText, isHostName} from '../src/pki/hosts.js';
import {canonicalName} from '../src/pki/idna.js';

test('a host name is what I8 says', () => {
  for (const good of ['a', 'www.example.test', 'xn--fa-hia.example', '1a.b', 'a.0xg', `${'a'.repeat(63)}.b`])
    assert.equal(isHostName(good), true, good);
  for (const bad of [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'A.b',
    '-a.b',
    'a-.b',
    'a_b.c',
    '1.2',
    'a.1',
    'a.0x',
    '0x7f000001',
    `${'a'.repeat(64)}.b`,
    `${'a.'.repeat(126)}aa`,
  ]) {
    assert.equal(isHostName(bad), false, bad);
  }
});

test('what a person types is brought into one form', () => {
  const forms = {
    'WWW.Example.TEST.': 'www.example.test',
    'faß.example': 'xn--fa-hia.example',
    'BÜCHER.example': 'xn--bcher-kva.example',
    'bücher。example': 'xn--bcher-kva.example',
    'l·l.example': 'xn--ll-0ea.example',
    '192.0.2.1': '192.0.2.1',
    '2001:db8::1': '2001:db8::1',
  };
  for (const [typed, form] of Object.entries(forms)) assert.equal(canonicalName(typed), form, typed);
});

test('what IDNA 2008 has not is no host name', () => {
  for (const typed of [
    '☃.example',
    'i❤.example',
    'a·b.example',
    '٠۰.example',
    'a..b',
    'a_b.example',
    'a b',
    '',
    '1.2.3.4.5',
    'xn--a',
    'xn--abc-',
    'xn--a-ecp.ru',
    'xn--ls8h',
    '0x7f.1',
  ]) {
    assert.equal(canonicalName(typed), null, typed);
  }
});

test('addresses are their octets', () => {
  assert.deepEqual([...addressOf('192.0.2.1')], [192, 0, 2, 1]);
  assert.deepEqual([...addressOf('::ffff:192.0.2.1')], [192, 0, 2, 1]);
  assert.equal(addressOf('2001:db8::192.0.2.1').length, 16);
  assert.equal(addressOf('fe80::1%eth0'), null);
  assert.equal(addressOf('192.0.2'), null);
  for (const text of ['192.0.2.1', '2001:db8::1', '::', '1:2:3:4:5:6:7:8'])
    assert.equal(addressText(addressOf(text)), text);
});
