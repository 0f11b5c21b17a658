#!/usr/bin/env node
'use strict';
// It takes Node.js half a second to compile what a worker loads. With 22.8 or newer it keeps the result for the next start: in a
// folder of this user, because whoever can write there decides what the command does. NODE_COMPILE_CACHE names another folder, and
// NODE_DISABLE_COMPILE_CACHE=1 turns it off. Where it cannot be written, the command starts as without it.
const { enableCompileCache } = require('node:module');
const { homedir } = require('node:os');
const { isAbsolute, join } = require('node:path');

function cacheFolder() {
  const { XDG_CACHE_HOME: xdg = '' } = process.env;
  return join(isAbsolute(xdg) ? xdg : join(homedir(), '.cache'), 'temporal-http-tasks', 'compiled');
}

try {
  // Threads of this process, in which workflows run, read the variable.
  process.env.NODE_COMPILE_CACHE ??= cacheFolder();
  enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
} catch {
  // A user without a home.
}
require('../dist/main.js');
