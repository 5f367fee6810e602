import { mount } from "svelte";
import App from "./App.svelte";
import "./style.css";
import { dashboard } from "./state.svelte.ts";

mount(App, { target: document.body });
void dashboard.start();
