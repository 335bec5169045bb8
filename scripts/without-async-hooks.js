/**
 * Turns off asynchronous hooks: `node --import=./scripts/without-async-hooks.js build/test/FILE`. With them tap follows
 * each promise, to know the test of an uncaught error, which takes a third of the time of a test of streams. Without
 * them an uncaught error ends the process, and so fails as well.
 */
import asyncHooks from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'

const hook = { enable: () => hook, disable: () => hook }
asyncHooks.createHook = () => hook
syncBuiltinESMExports()
