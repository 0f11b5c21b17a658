const [, , url, subjectKey] = process.argv;
if (url === undefined || subjectKey === undefined) throw new Error('This child process needs a URL and a subject key.');

/** What the test gave this process. */
export const given = { url, subjectKey };
