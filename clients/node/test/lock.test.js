import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';

const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));

test('each package is held to its hash, and none to an address', () => {
  const {'': own, ...packages} = read('package-lock.json').packages;
  assert.deepEqual(own.dependencies, read('package.json').dependencies);
  for (const [name, {integrity}] of Object.entries(packages)) assert.match(integrity ?? '', /^sha512-/, name);
  const addresses = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8').match(/"[a-z]+:\/\/.*"/g);
  assert.equal(addresses, null, 'take out what npm writes with `funding` and `resolved`: npm ci does without');
  for (const version of Object.values(own.dependencies)) assert.match(version, /^[0-9]+\.[0-9]+\.[0-9]+$/);
});
