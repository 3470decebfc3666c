import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';

const SOURCE = fileURLToPath(new URL('../src/', import.meta.url));
/** Each imports from itself and from those before it; '.' are the files above all rooms that any may use. */
const ROOMS = ['.', 'codec', 'pki', 'objects', 'verify', 'direct'];
const ENTRANCES = ['index.js', 'profile.js']; // they stand in no room, and use all

test('data goes forward through the rooms', () => {
  const files = ROOMS.flatMap((room) =>
    readdirSync(join(SOURCE, room))
      .filter((name) => name.endsWith('.js'))
      .map((name) => join(room, name)),
  );
  assert.ok(files.length > 25);
  for (const file of files.filter((name) => !ENTRANCES.includes(name))) {
    const imports = readFileSync(join(SOURCE, file), 'utf8').matchAll(/^import .* from '(\..*)';$/gm);
    for (const [, path] of imports) {
      const target = relative(SOURCE, join(SOURCE, dirname(file), path));
      assert.ok(ROOMS.indexOf(dirname(target)) <= ROOMS.indexOf(dirname(file)), `${file} imports ${target}`);
    }
  }
});
