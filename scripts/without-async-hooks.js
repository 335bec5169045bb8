/**
 * Turns off asynchronous hooks: `node --import=./scripts/without-async-hooks.js build/test/FILE`. tap follows each promise with
 * them, to know which test an uncaught error belongs to, and that takes a third of the time of a test of streams. Without
 * them an uncaught error ends the process, which fails as well.
 */
import asyncHooks from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'

const hook = { enable: () => hook, disable: () => hook }
asyncHooks.createHook = () => hook
syncBuiltinESMExports()
