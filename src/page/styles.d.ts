/** Style sheets: `scripts/styles.js` collects them. */
declare module '*.css'
