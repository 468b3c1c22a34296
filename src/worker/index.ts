export class TimelineObject {}; export default {}
