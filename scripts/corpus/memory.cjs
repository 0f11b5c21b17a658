'use strict';
// Loaded before the command that is measured: writes the largest memory of the process, in bytes, to the fourth stream.
const { writeSync } = require('node:fs');

process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS * 1024)));
