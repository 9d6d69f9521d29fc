#!/usr/bin/env node
// The `downhill` command: starts what the build made of src/cli/main.ts.
import '../dist/cli/main.js';
