const semver = require("semver");

const wanted = process.argv[2] || ">=12";
console.log(`node ${semver.satisfies(process.version, wanted) ? "satisfies" : "does not satisfy"} ${wanted}`);
