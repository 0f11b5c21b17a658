'use strict';
// Required before a command: writes which packages it had loaded when it ended into the file LOADED_PACKAGES.
const { writeFileSync } = require('node:fs');
const { sep } = require('node:path');

const MODULES = `${sep}node_modules${sep}`;

process.once('exit', () => {
  const packages = Object.keys(require.cache).flatMap((file) => {
    const at = file.lastIndexOf(MODULES);
    const inside = file.slice(at + MODULES.length).split(sep);
    return at === -1 ? [] : [inside.slice(0, inside[0]?.startsWith('@') ? 2 : 1).join('/')];
  });
  writeFileSync(process.env['LOADED_PACKAGES'] ?? '', JSON.stringify([...new Set(packages)].sort()));
});
