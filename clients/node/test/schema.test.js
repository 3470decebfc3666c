import assert from 'node:assert/strict';
import {existsSync, readFileSync} from 'node:fs';
import {test} from 'node:test';

const HERE = new URL('../src/objects/directory.schema.json', import.meta.url);
const PROJECT = new URL('../../../mecai/protocol/objects/directory.schema.json', import.meta.url);

test("the directory's schema is the project's", {skip: !existsSync(PROJECT) && 'not in a checkout'}, () => {
  assert.equal(readFileSync(HERE, 'utf8'), readFileSync(PROJECT, 'utf8'));
});
