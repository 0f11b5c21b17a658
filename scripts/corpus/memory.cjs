'use strict';
// Loaded before the command that is measured: writes the largest memory of the process, in bytes, and the processor's seconds
// to the fourth stream.
const { writeSync } = require('node:fs');

process.on('exit', () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  writeSync(3, JSON.stringify({ bytes: maxRSS * 1_024, processorSeconds: (userCPUTime + systemCPUTime) / 1e6 }));
});
