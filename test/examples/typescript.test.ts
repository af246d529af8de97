import { example } from './example.js';

// Read by Node itself from 22.18 on, before by tsx, which is among this repository's packages.
example('the TypeScript example', { args: ['examples/typescript/app.ts'] });
