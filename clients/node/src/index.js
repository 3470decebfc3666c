/** What `import … from 'mecai'` gives. */

export {Refusal} from './refusal.js';
export {verifyConnection} from './verify/connection.js';
export {acceptDirectory} from './verify/directory.js';
export {verifyPrivate, networkOf} from './verify/intranet.js';
export {select} from './verify/selection.js';
export {canonicalName} from './pki/idna.js';
export {keysOfPem} from './pki/pem.js';
export {connect} from './direct/connect.js';
export {Profile} from './profile.js';
