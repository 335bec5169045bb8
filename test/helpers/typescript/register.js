/** Lets Node 20 run TypeScript: `node --import=./test/helpers/typescript/register.js FILE.ts`. */
import { register } from 'node:module'

register('./hooks.js', import.meta.url)
