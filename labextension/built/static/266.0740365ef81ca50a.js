"use strict";(self.rspackChunkopenclaw_ipython=self.rspackChunkopenclaw_ipython||[]).push([[266],{646(e,o,t){var r=t(601),n=t.n(r),a=t(314),c=(t.n(a))()(n());c.push([e.id,`/* Cells that ask a model: the magic on the first line is no heading and no list. */
.cm-content .oc-magic,
.cm-content .oc-magic span {
  color: var(--jp-mirror-editor-operator-color, #a2f);
  font-size: inherit;
  font-style: normal;
  font-weight: normal;
  text-decoration: none;
}

/* Buttons, hidden unless the notebook's kernel has the extension loaded. */
.oc-bar {
  display: none;
}

.oc-loaded .oc-bar {
  display: flex;
  gap: 4px;
}

.oc-bar button {
  padding: 1px 8px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 2px;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.5;
  cursor: pointer;
}

.oc-bar button:hover {
  background: var(--jp-layout-color2);
}

.oc-bar button:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.jp-RenderedText > .oc-bar {
  padding: 4px 0;
}

/* Code of an answer: the frame takes over the margin of the block. */
.oc-loaded .oc-code {
  margin-bottom: 1em;
  border: 1px solid var(--jp-border-color2);
  border-radius: 2px;
}

.oc-loaded .oc-code > pre {
  margin: 0;
  padding: 0 8px 8px;
}

.oc-loaded .oc-code > .oc-bar {
  justify-content: flex-end;
  padding: 3px 3px 0;
}
`,""]),t.d(o,{},{A:c})},314(e){e.exports=function(e){var o=[];return o.toString=function(){return this.map(function(o){var t="",r=void 0!==o[5];return o[4]&&(t+="@supports (".concat(o[4],") {")),o[2]&&(t+="@media ".concat(o[2]," {")),r&&(t+="@layer".concat(o[5].length>0?" ".concat(o[5]):""," {")),t+=e(o),r&&(t+="}"),o[2]&&(t+="}"),o[4]&&(t+="}"),t}).join("")},o.i=function(e,t,r,n,a){"string"==typeof e&&(e=[[null,e,void 0]]);var c={};if(r)for(var i=0;i<this.length;i++){var s=this[i][0];null!=s&&(c[s]=!0)}for(var l=0;l<e.length;l++){var d=[].concat(e[l]);r&&c[d[0]]||(void 0!==a&&(void 0===d[5]||(d[1]="@layer".concat(d[5].length>0?" ".concat(d[5]):""," {").concat(d[1],"}")),d[5]=a),t&&(d[2]&&(d[1]="@media ".concat(d[2]," {").concat(d[1],"}")),d[2]=t),n&&(d[4]?(d[1]="@supports (".concat(d[4],") {").concat(d[1],"}"),d[4]=n):d[4]="".concat(n)),o.push(d))}},o}},601(e){e.exports=function(e){return e[1]}},665(e,o,t){t.r(o);var r=t(72),n=t.n(r),a=t(825),c=t.n(a),i=t(659),s=t.n(i),l=t(56),d=t.n(l),p=t(540),u=t.n(p),f=t(494),v=t.n(f),h=t(646),m={};m.styleTagTransform=v(),m.setAttributes=d(),m.insert=s().bind(null,"head"),m.domAPI=c(),m.insertStyleElement=u(),n()(h.A,m);let b=h.A&&h.A.locals?h.A.locals:void 0;t.d(o,{},{default:b})},72(e){var o=[];function t(e){for(var t=-1,r=0;r<o.length;r++)if(o[r].identifier===e){t=r;break}return t}function r(e,r){for(var n={},a=[],c=0;c<e.length;c++){var i=e[c],s=r.base?i[0]+r.base:i[0],l=n[s]||0,d="".concat(s," ").concat(l);n[s]=l+1;var p=t(d),u={css:i[1],media:i[2],sourceMap:i[3],supports:i[4],layer:i[5]};if(-1!==p)o[p].references++,o[p].updater(u);else{var f=function(e,o){var t=o.domAPI(o);return t.update(e),function(o){o?(o.css!==e.css||o.media!==e.media||o.sourceMap!==e.sourceMap||o.supports!==e.supports||o.layer!==e.layer)&&t.update(e=o):t.remove()}}(u,r);r.byIndex=c,o.splice(c,0,{identifier:d,updater:f,references:1})}a.push(d)}return a}e.exports=function(e,n){var a=r(e=e||[],n=n||{});return function(e){e=e||[];for(var c=0;c<a.length;c++){var i=t(a[c]);o[i].references--}for(var s=r(e,n),l=0;l<a.length;l++){var d=t(a[l]);0===o[d].references&&(o[d].updater(),o.splice(d,1))}a=s}}},659(e){var o={};e.exports=function(e,t){var r=function(e){if(void 0===o[e]){var t=document.querySelector(e);if(window.HTMLIFrameElement&&t instanceof window.HTMLIFrameElement)try{t=t.contentDocument.head}catch(e){t=null}o[e]=t}return o[e]}(e);if(!r)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");r.appendChild(t)}},540(e){e.exports=function(e){var o=document.createElement("style");return e.setAttributes(o,e.attributes),e.insert(o,e.options),o}},56(e,o,t){e.exports=function(e){var o=t.nc;o&&e.setAttribute("nonce",o)}},825(e){e.exports=function(e){if("u"<typeof document)return{update:function(){},remove:function(){}};var o=e.insertStyleElement(e);return{update:function(t){var r,n,a;r="",t.supports&&(r+="@supports (".concat(t.supports,") {")),t.media&&(r+="@media ".concat(t.media," {")),(n=void 0!==t.layer)&&(r+="@layer".concat(t.layer.length>0?" ".concat(t.layer):""," {")),r+=t.css,n&&(r+="}"),t.media&&(r+="}"),t.supports&&(r+="}"),(a=t.sourceMap)&&"u">typeof btoa&&(r+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),e.styleTagTransform(r,o,e.options)},remove:function(){var e;null===(e=o).parentNode||e.parentNode.removeChild(e)}}}},494(e){e.exports=function(e,o){if(o.styleSheet)o.styleSheet.cssText=e;else{for(;o.firstChild;)o.removeChild(o.firstChild);o.appendChild(document.createTextNode(e))}}}}]);