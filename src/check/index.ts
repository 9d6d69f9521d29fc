// downhill/check: what kernel authors import.
export {};
