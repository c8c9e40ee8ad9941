// swagger-ui has a dark theme but does not ask the system whether it is wanted.
"use strict";
const darkness = window.matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", darkness.matches);
darkness.addEventListener("change", paint);
paint();
