import { defineConfig } from "vite";

// `npm run dev` shows the page with the numbers of a warehouse that runs beside it.
export default defineConfig({
  base: "./",
  build: {
    // .keep lets the Go program compile before the page was built; public/ puts it back.
    emptyOutDir: true,
    chunkSizeWarningLimit: 1000,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8080" } },
});
