// Loaded into every worker by --require, the one flag that runs before CommonJS and ES module apps alike without changing how the app
// itself is loaded.
require('./preload/install.js');
