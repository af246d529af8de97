import { join } from 'node:path';

/** @type {import('next').NextConfig} */
export default {
  poweredByHeader: false,
  // In this repository the packages are installed two folders up; an app of its own needs no such line.
  turbopack: { root: join(import.meta.dirname, '../..') },
};
