// Ganache on a free port of 127.0.0.1, which it prints, until SIGTERM.
const ganache = require("ganache");

const server = ganache.server({
    chain: { chainId: 31337 },
    logging: { quiet: true },
    wallet: { mnemonic: "test test test test test test test test test test test junk" },
});

process.on("SIGTERM", () => server.close().then(() => process.exit(0)));

server.listen(0, "127.0.0.1").then(() => {
    console.log(`Listening on 127.0.0.1:${server.address().port}`);
});
